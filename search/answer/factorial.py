"""What two crossed parameters do: the main effect of each, and whether the effect of one depends on the other.

The cells are the combinations of levels, i of the one parameter and j of the other, with true figures m(i, j); 0 is the
reference level. Everything is a contrast of cells, estimated as differences are: seed by seed and photograph by
photograph, with the variance over both (`search.answer.statistics`).

    main effect of level i      mean over j of  m(i, j) - m(0, j)
    interaction of i and j      (m(i, j) - m(0, j)) - (m(i, 0) - m(0, 0))

The main effect weighs all levels of the other parameter alike, also where some are further apart than others. With I
and J levels there are I J - 1 of these effects: I - 1 and J - 1 main ones, and (I - 1)(J - 1) interactions. They are
decided together (Holm), so the chance of any false claim among all of them is below 5 %. The interactions may be 0 one
and all while the main effects are not, and the other way round.

A contrast rests on the seeds at which all of its cells learnt, and is left out where one of its cells learns at fewer
than 80 % of its seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from search.answer.levels import COMPARED, SEEDS_TO_COMPARE, Compared, LevelAnswer, compared_measures
from search.answer.measures import Measure
from search.answer.statistics.intervals import Estimate, estimate_difference
from search.answer.statistics.simultaneous import Difference, decided
from search.answer.statistics.variance import Variance
from search.study import Study
from search.study.factorial import Cell, reference_cell
from search.study.space import Levels, ParamValue

# A share of the variance. Crossed parameters have more effects than a question has levels, so claims are made further
# out in the tails, where degrees of freedom that are too many by luck count more. Where there is no effect, 3 x 3
# levels and 2 classes of 40 photographs, some was claimed in 6.7 % of studies with `variance.SEEDS_PREVAIL`, in 5.2 %
# with a third, in 4.2 % with a quarter. Of the main effects that there are, on the public test set, 60, 55 and 53 %
# were.
SEEDS_PREVAIL = 1 / 3


@dataclass(frozen=True)
class Effect:
    """A main effect or an interaction.

    Attributes:
        levels: by parameter, the level that is compared with the reference level: one of a main effect, two of an
            interaction.
        differences: by what is compared, with intervals and decisions that are simultaneous over all effects; empty
            where one of its cells learns too rarely, or where fewer than two seeds learnt in all of them.
    """

    levels: Cell
    differences: Mapping[Compared, Difference] = field(default_factory=dict)

    @property
    def is_interaction(self) -> bool:
        """Whether it is one, and no main effect."""
        return len(self.levels) > 1


@dataclass(frozen=True)
class Factorial:
    """What a factorial question found.

    Attributes:
        reference: the reference level of each parameter.
        levels: all levels of each parameter.
        effects: the main effects of the first parameter, those of the second, then the interactions.
    """

    reference: Cell
    levels: Mapping[str, tuple[ParamValue, ...]]
    effects: tuple[Effect, ...]

    def main(self, factor: str) -> list[Effect]:
        """The main effects of a parameter."""
        return [effect for effect in self.effects if not effect.is_interaction and factor in effect.levels]

    @property
    def interactions(self) -> list[Effect]:
        """Those of both."""
        return [effect for effect in self.effects if effect.is_interaction]

    @property
    def known(self) -> list[Effect]:
        """The effects that could be estimated."""
        return [effect for effect in self.effects if effect.differences]


def factorial(study: Study, found: Sequence[LevelAnswer]) -> Factorial:
    """The effects in a factorial question.

    Args:
        study: the question.
        found: its cells.
    """
    reference = reference_cell(study)
    levels = {name: spec.levels for name, spec in study.scientific.items() if isinstance(spec, Levels)}
    wanted = effects_of(reference, levels)
    raw = {place: one for place, cell in enumerate(wanted) if (one := _estimated(study, found, cell, reference))}
    together = {
        what: dict(
            zip(raw, decided([one[what] for one in raw.values()], study.margin, several=len(wanted)), strict=True)
        )
        for what in COMPARED
    }
    effects = [
        Effect(cell, {what: together[what][place] for what in COMPARED} if place in raw else {})
        for place, cell in enumerate(wanted)
    ]
    return Factorial(reference, levels, tuple(effects))


def coefficient(cell: Cell, effect: Cell, reference: Cell) -> float:
    """The sign with which a cell counts in an effect; 0 where it does not.

    Args:
        cell: a level of each parameter.
        effect: the levels of a main effect or an interaction.
        reference: the reference level of each parameter.
    """
    found = 1.0
    for name, level in effect.items():
        found *= (cell[name] == level) - (cell[name] == reference[name])
    return found


def effects_of(reference: Cell, levels: Mapping[str, Sequence[ParamValue]]) -> list[dict[str, ParamValue]]:
    """The main effects of each parameter, then the interactions, by their levels.

    Args:
        reference: the reference level of each parameter.
        levels: all levels of each.
    """
    others = {name: [level for level in known if level != reference[name]] for name, known in levels.items()}
    main = [{name: level} for name, known in others.items() for level in known]
    crossed = [dict(zip(others, pair, strict=True)) for pair in itertools.product(*others.values())]
    return [*main, *crossed]


def _estimated(
    study: Study, found: Sequence[LevelAnswer], effect: Cell, reference: Cell
) -> dict[Compared, Estimate] | None:
    """An effect by what is compared; None where it cannot be estimated."""
    weighed = [(coefficient(one.cell, effect, reference), one) for one in found]
    parts = [(weight, one) for weight, one in weighed if weight]
    if not all(one.learning.is_reliable for _, one in parts):
        return None
    seeds = set.intersection(*({trial.config.seed for trial in one.measured} for _, one in parts))
    if len(seeds) < SEEDS_TO_COMPARE:
        return None
    over = sum(weight for weight, _ in parts if weight > 0) if len(effect) == 1 else 1.0
    figures = [
        (
            weight / over,
            compared_measures([t for t in one.measured if t.config.seed in seeds], study.measure, one.choice),
        )
        for weight, one in parts
    ]
    return {
        what: _estimate([(weight, measures[what]) for weight, measures in figures], what, len(effect))
        for what in COMPARED
    }


def _estimate(terms: Sequence[tuple[float, Measure]], what: Compared, order: int) -> Estimate:
    """A contrast within the room that it has: shares end at 0 and 1, gaps at -1 and 1."""
    against = sum(-weight * float(measure.by_seed.mean()) for weight, measure in terms if weight < 0)
    room = ((-1.0 if what == "gap" else 0.0) - against, 1.0 - against)
    if order > 1:
        room = (-4.0, 4.0) if what == "gap" else (-2.0, 2.0)
    contrast = Measure.contrast(terms)
    variance = bounded(contrast.difference(room).variance)
    if order > 1:  # where no photograph varies, the bound on those that might is of each of the two differences
        variance = replace(variance, n_effective=variance.n_effective / 2)
    return estimate_difference(contrast.by_seed, variance, room)


def bounded(variance: Variance) -> Variance:
    """The variance of an effect, with no more than replicates - 1 degrees of freedom where seeds prevail."""
    if variance.n_seeds < 2:
        return variance
    prevail = variance.seeds > SEEDS_PREVAIL * variance.total
    return replace(variance, df=np.where(prevail, np.minimum(variance.df, variance.n_seeds - 1), variance.df))
