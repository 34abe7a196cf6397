"""The variance of a mean over photographs and trained models: both are samples, so both are sources of doubt.

Images are not: copies of one photograph are classified alike, and are no independent evidence. So the data are a table
of replicates (a trained model each, in rows) by photographs (in columns), photographs in strata (their classes). The
variance of a mean over it has three parts:

    photographs   other photographs of these classes would be easier or harder: shrinks with photographs alone
    seeds         other seeds would train better or worse models: shrinks with replicates alone
    interaction   a model is good at a photograph by chance: shrinks with both

This is the design of studies with several readers and several cases, a trained model being the reader, and
V = V_photographs + V_seeds - V_interaction, since either of the first two counts the interaction in full, so once too
often (Gallas, Bandos, Samuelson, Wagner 2009, "A Framework for Random-Effects ROC Analysis", Communications in
Statistics - Theory and Methods 38, 2586-2603). Photographs vary within their stratum (Cochran 1977, "Sampling
Techniques", ch. 5 and 6.2: ratio of image counts); one with many images draws the ratio to itself, which is corrected
by its share (Bell and McCaffrey 2002, "Bias Reduction in Standard Errors for Linear Regression with Multi-Stage
Samples", Survey Methodology 28, 169-181).

Not every cell has to exist. Test photographs are seen by every model, those of validation by the models of their fold
alone, those of training by the models of all other folds. What two models differ by on account of photographs is a sum
over photographs, where one that only one of the two has seen counts alone. So where all photographs are nested in
models, the interaction is all that photographs do, and the variance between the models' figures already holds it.

With few replicates V_seeds - V_interaction is often 0 or less by luck, which does not show that seeds make no
difference. So it is taken as V_interaction / replicates at least. Measured on differences from 3 seeds: coverage 96.6 %
with this floor, 93.6 % without.

The degrees of freedom are Satterthwaite's (1946, "An Approximate Distribution of Estimates of Variance Components",
Biometrics Bulletin 2, 110-114), as in studies of readers and cases (Hillis 2007, "A Comparison of Denominator Degrees
of Freedom Methods for Multiple Observer ROC Analysis", Statistics in Medicine 26, 596-619). They are estimates too, and
the more favourable the smaller V_seeds came out by luck. So where seeds make up nearly half of the variance, there
are no more than replicates - 1. Measured at 5 seeds: see benchmarks/coverage.py.

All of it holds for the TRAIN photographs at hand: every model was trained on them, so that nothing here tells what
others would have taught.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
SMALLEST = 1e-20  # a variance of shares below it is rounding: one image of a million has 1e-12
SEEDS_PREVAIL = 0.45  # of the variance; what else was tried stands in benchmarks/coverage.py


@dataclass(frozen=True)
class Variance:
    """The variance of a mean, in its parts. Arrays of one shape, the batch's: () for one mean.

    Attributes:
        photographs: of the photographs' main effect; may come out below 0, where the interaction is all there is.
        seeds: of the seeds' main effect, not below the floor above. NaN with one seed, which tells nothing of others.
        interaction: of photographs by seeds; NaN with one seed: `photographs` then contains it.
        total: the variance of the mean.
        df: degrees of freedom; NaN where nothing varies.
        df_photographs: those of the photographs' part and the interaction alone.
        n_seeds: replicates in the table.
        n_photographs: in the table.
        n_effective: photographs of equal weight that would tell as much, 1 / sum of squared weights (Kish 1965, "Survey
            Sampling", 11.7). Of a difference between figures over different photographs, those of both together.
    """

    photographs: Floats
    seeds: Floats
    interaction: Floats
    total: Floats
    df: Floats
    df_photographs: Floats
    n_seeds: int
    n_photographs: int
    n_effective: float

    def projected(self, n_seeds: float, n_photographs: float) -> Floats:
        """The total at other numbers of seeds and photographs, in the same mix of classes."""
        p, s = self.n_photographs / n_photographs, self.n_seeds / n_seeds
        known = [np.nan_to_num(part) for part in (self.photographs, self.seeds, self.interaction)]
        total: Floats = np.maximum(known[0] * p + known[1] * s + known[2] * p * s, 0.0)
        return total


def variance_of(values: Floats, weights: Floats, strata: Integers, units: Integers | None = None) -> Variance:
    """The variance of the mean over replicates of a sum over photographs.

    What the number of images of a photograph explains within its stratum is no variance: photographs are compared by
    their deviation from the stratum's ratio, model by model.

    Args:
        values: shape (..., replicates, columns), what each photograph adds to a replicate's figure.
        weights: (columns,) or (replicates, columns), what it would add if all its images were classified rightly; 0
            where the replicate's model did not see it.
        strata: (columns,) whole numbers from 0. A photograph that is the only one of its stratum tells nothing of the
            spread within it: it is taken to vary as the others do, by the square of its weight.
        units: (columns,) whole numbers; columns of one number are one photograph (or patient) that stands in several
            strata. None where each column is one of its own.
    """
    n_seeds, n_columns = values.shape[-2:]
    weights = np.broadcast_to(weights, (n_seeds, n_columns))
    seen = weights > 0
    values = np.where(seen, values, 0.0)
    groups, lonely = _groups(strata)
    residuals = np.zeros_like(values)
    for columns in groups:
        residuals[..., columns] = _residuals(values[..., columns], weights[:, columns])
    numbers = np.arange(n_columns) if units is None else np.unique(units, return_inverse=True)[1]
    by_unit = weights.mean(axis=0)
    homes = _main_strata(by_unit, strata, numbers)
    if len(homes) < n_columns:
        order = np.argsort(numbers, kind="stable")
        first = np.searchsorted(numbers[order], np.arange(len(homes)))
        residuals = np.add.reduceat(residuals[..., order], first, axis=-1)
        by_unit = np.add.reduceat(by_unit[order], first)

    means = residuals.mean(axis=-2)  # (..., units)
    clustered = (means**2).sum(axis=-1)
    squares = np.zeros_like(clustered)
    for rows in _groups(homes)[0]:
        squares = squares + (means[..., rows] ** 2).sum(axis=-1) ** 2 / _degrees(by_unit[rows])
    rest = ((residuals - means[..., None, :]) ** 2).sum(axis=(-2, -1))
    interaction = rest / max(n_seeds * (n_seeds - 1), 1)
    if len(lonely):
        square = weights.mean(axis=0) ** 2
        more = 1 + square[lonely].sum() / max(square.sum() - square[lonely].sum(), SMALLEST)
        clustered, interaction, squares = clustered * more, interaction * more, squares * more**2
    df_photographs = _ratio(clustered**2, squares)
    n_effective = float(1 / max((by_unit**2).sum(), SMALLEST))
    if n_seeds < 2:
        nothing = np.full_like(clustered, np.nan)
        total = np.where(clustered > SMALLEST, clustered, 0.0)
        parts = (clustered, nothing, nothing, total)
        return Variance(*parts, df_photographs, df_photographs, 1, len(homes), n_effective)

    by_seed = values.sum(axis=-1).var(axis=-1, ddof=1) / n_seeds
    seeds = np.maximum(by_seed - interaction, interaction / n_seeds)
    total = clustered + seeds
    total = np.where(total > SMALLEST, total, 0.0)
    df = np.maximum(_ratio(total**2, squares + np.maximum(by_seed, interaction) ** 2 / (n_seeds - 1)), 1.0)
    df = np.where(seeds > SEEDS_PREVAIL * total, np.minimum(df, n_seeds - 1), df)
    parts = (clustered - interaction, seeds, interaction, total)
    return Variance(*parts, df, df_photographs, n_seeds, len(homes), n_effective)


def _residuals(values: Floats, weights: Floats) -> Floats:
    """What photographs of one stratum add beyond their share of its ratio, in each replicate; 0 where not seen.

    Scaled by 1 / sqrt(1 - share), so that the sum of squares is unbiased. Where a replicate has one photograph of the
    stratum, the ratio is that of all replicates.
    """
    total = weights.sum(axis=-1, keepdims=True)
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    sums = values.sum(axis=-1, keepdims=True)
    alone = (weights > 0).sum(axis=-1, keepdims=True) == 1
    ratio = values.sum(axis=(-2, -1), keepdims=True) / max(float(total.sum()), SMALLEST)
    sums = np.where(alone, ratio * total, sums)
    scale = np.where(alone, 1.0, 1 / np.sqrt(np.where(share < 1, 1 - share, 1.0)))
    found: Floats = np.where(weights > 0, (values - sums * share) * scale, 0.0)
    return found


def _degrees(weights: Floats) -> float:
    """Those of a variance over photographs of unequal weight: n - 1 where they are equal."""
    squares = weights**2
    if not squares.any():
        return 1.0
    n = len(weights)
    return float(max(squares.sum() ** 2 / (squares**2).sum() * (n - 1) / n, 1.0))


def _main_strata(weights: Floats, strata: Integers, units: Integers) -> Integers:
    """(units,) the stratum in which each has the most images."""
    table = np.zeros((int(units.max(initial=-1)) + 1, int(strata.max(initial=0)) + 1))
    np.add.at(table, (units, strata), weights)
    found: Integers = table.argmax(axis=1)
    return found


def _groups(strata: Integers) -> tuple[list[npt.NDArray[np.intp]], npt.NDArray[np.intp]]:
    """The columns of each stratum of two or more, and those that are alone; all together where every one is alone."""
    groups = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    many = [group for group in groups if len(group) > 1]
    if not many:
        return [np.arange(len(strata))], np.arange(0)
    alone = [group for group in groups if len(group) == 1]
    return many, np.concatenate(alone) if alone else np.arange(0)


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return ratio
