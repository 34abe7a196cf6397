"""How often the intervals of balanced accuracy, macro F1 and AUROC contain the truth, on made-up probabilities.

    python -m benchmarks.measure_coverage [--studies 400]

A row is a kind of data and a measure, with 5 seeds. Logits of an image are those of its class, and normal effects of
the photograph, of the model, of the two together and of the image, class by class. The truth is the mean over models of
the measure of 500 photographs of each class. Columns: the truth; the share of studies whose interval contains it, in
per cent; the standard error that the intervals take, and that of a bootstrap over the photographs of each class (with
the models of the study), each as a share of the standard deviation over studies of the estimate. (A bootstrap of
photographs leaves out that other models would do otherwise; of folds it is not drawn.)
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from search.answer.balanced import balanced_accuracy
from search.answer.measures import Measure, Predictions, macro_f1
from search.answer.probabilities import auroc
from search.answer.scores import Scores
from search.answer.statistics.variance import Floats
from trainer.probabilities import placements

BOOTSTRAPPED = 40  # studies, 20 times each: their mean is near that of all

MEASURED: dict[str, Callable[[Predictions], Measure | None]] = {
    "balanced accuracy": balanced_accuracy,
    "macro F1": macro_f1,
    "AUROC": auroc,
}


@dataclass(frozen=True)
class Logits:
    """A kind of data.

    Attributes:
        photographs: by class.
        copies: images of a photograph.
        signal: how far the logit of the true class lies above the others.
        photo, model, both, image: standard deviations of the effects, a class each.
        folds: parts of the photographs of each class, of which a model sees one, in turn; 1: all of them.
    """

    photographs: tuple[int, ...] = (13, 6, 4, 48)
    copies: int = 10
    signal: float = 1.5
    photo: float = 1.0
    model: float = 0.3
    both: float = 0.4
    image: float = 0.5
    folds: int = 1

    def drawn(self, rng: np.random.Generator, seeds: int, photographs: tuple[int, ...] | None = None) -> Predictions:
        """A study's test images."""
        sizes = photographs or self.photographs
        labels = np.repeat(np.arange(len(sizes)), sizes)
        shape = (len(labels), len(sizes))
        of_photos = self.signal * np.eye(len(sizes))[labels] + rng.normal(0, self.photo, shape)
        of_models = rng.normal(0, self.model, (seeds, 1, len(sizes))) + rng.normal(0, self.both, (seeds, *shape))
        columns = np.repeat(np.arange(len(labels)), self.copies)
        logits = (of_photos + of_models)[:, columns] + rng.normal(0, self.image, (seeds, len(columns), len(sizes)))
        logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        if self.folds == 1:
            return made(logs, labels, columns)
        fold = np.concatenate([np.arange(size) % self.folds for size in sizes])
        return of_folds(logs, labels, columns, fold, self.folds)


def made(logs: Floats, labels: np.ndarray, columns: np.ndarray) -> Predictions:
    """Predictions of these logarithms of probabilities, (seeds, images, classes)."""
    seeds, _, classes = logs.shape
    counts = np.zeros((seeds, len(labels), classes), np.int64)
    for row in range(seeds):
        np.add.at(counts[row], (columns, logs[row].argmax(axis=1)), 1)
    photos, strata = tuple(f"p{n}" for n in range(len(labels))), tuple(f"test/{label}" for label in labels)
    scores = Scores(logs, labels[columns], columns)
    return Predictions(tuple(range(seeds)), photos, strata, labels, counts, scores)


def of_folds(logs: Floats, labels: np.ndarray, columns: np.ndarray, fold: np.ndarray, folds: int) -> Predictions:
    """The same where replicate r sees the photographs of fold r modulo `folds`, as in validation.

    Args:
        fold: (photographs,) the fold of each.
    """
    whole = made(logs, labels, columns)
    counts, added = np.zeros_like(whole.counts), np.zeros(whole.counts.shape[:2])
    for row in range(len(logs)):
        mine = fold == row % folds
        counts[row, mine] = whole.counts[row, mine]
        images = mine[columns]
        np.add.at(added[row], columns[images], placements(logs[row, images], labels[columns[images]]))
    return replace(whole, counts=counts, scores=None, placements=added)


def resampled(predictions: Predictions, rng: np.random.Generator) -> Predictions:
    """The photographs of each class drawn again, with replacement."""
    assert predictions.scores is not None
    labels = predictions.labels
    chosen = np.concatenate(
        [rng.choice(np.flatnonzero(labels == label), (labels == label).sum()) for label in np.unique(labels)]
    )
    rows = [np.flatnonzero(predictions.scores.columns == column) for column in chosen]
    columns = np.repeat(np.arange(len(chosen)), [len(mine) for mine in rows])
    return made(predictions.scores.logs[:, np.concatenate(rows)], labels[chosen], columns)


WORLDS = {
    "public test set": Logits(),
    "1000:10 images": Logits(photographs=(100, 6), signal=1.0),
    "4 classes of 20": Logits(photographs=(20,) * 4),
    "models of sd 1.0": Logits(model=1.0),
    "AUROC near 1": Logits(signal=5.0, photographs=(20,) * 4),
    "validation, 5 folds": Logits(photographs=(75, 27, 16, 159), folds=5),
}


def row(world: Logits, name: str, studies: int, seeds: int = 5) -> tuple[float, float, float, float]:
    """Truth, coverage, and the two standard errors over the true one."""
    of = MEASURED[name]

    def mean(predictions: Predictions) -> float:
        found = of(predictions)
        assert found is not None
        return float(found.by_seed.mean())

    rng = np.random.default_rng(1)
    many = tuple(500 for _ in world.photographs)
    if name == "macro F1":  # it depends on the mix of classes
        many = tuple(int(2000 * size / sum(world.photographs)) for size in world.photographs)
    small = replace(world, copies=2, folds=1)
    truth = float(np.mean([mean(small.drawn(rng, 20, many)) for _ in range(15)]))
    inside, values, variances, again = [], [], [], []
    for number in range(studies):
        predictions = world.drawn(rng, seeds)
        found = of(predictions)
        assert found is not None
        estimate = found.share()
        inside.append(estimate.low <= truth <= estimate.high)
        values.append(estimate.value)
        variances.append(float(estimate.variance.total))
        if number < BOOTSTRAPPED and world.folds == 1:
            again.append(np.var([mean(resampled(predictions, rng)) for _ in range(20)], ddof=1))
    sd = float(np.std(values))
    bootstrapped = float(np.sqrt(np.mean(again))) / sd if again else math.nan
    return truth, float(np.mean(inside)), float(np.sqrt(np.mean(variances))) / sd, bootstrapped


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    studies = parser.parse_args().studies
    print("data                measure            truth  coverage  error  bootstrap's")
    for title, world in WORLDS.items():
        for name in MEASURED:
            truth, inside, error, again = row(world, name, studies)
            print(f"{title:19} {name:18} {truth:.3f}  {100 * inside:6.1f} %  {error:.2f}   {again:.2f}", flush=True)


if __name__ == "__main__":
    main()
