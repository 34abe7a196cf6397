"""Which TRAIN photographs validate: folds of whole photographs, and the part of a folder without splits that tests.

Copies of one photograph resemble each other far more than two photographs do, so a photograph goes to one fold whole.
In k-fold cross-validation every photograph validates once (Stone 1974, "Cross-Validatory Choice and Assessment of
Statistical Predictions", J. Royal Statistical Society B 36, 111-147). Replicate r of a study validates on fold r modulo
the number of folds.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from trainer.data.index import shown
from trainer.errors import DataError

FOLDS = 5  # the default of `TrainConfig.folds`: a fifth of the photographs validates
TEST_SHARE = 0.2  # of a folder without splits


def fold_count(photos: Sequence[str], labels: Sequence[int], folds: int) -> int:
    """How many folds there can be: no more than the largest class has photographs.

    Args:
        photos: of the TRAIN images.
        labels: their classes.
        folds: how many are wanted.
    """
    per_class = Counter(label for label, _ in set(zip(labels, photos, strict=True)))
    return max(1, min(folds, max(per_class.values(), default=1)))


def assign_folds(photos: Sequence[str], labels: Sequence[int], folds: int, seed: int) -> dict[str, int]:
    """The fold of each photograph, from 0; the same whenever seed and names are, in whatever order the files come.

    Photographs are taken in the order of a hash of seed and name. Each goes where its classes have the smallest share
    of their photographs so far, then where there are the fewest images of these classes, then the fewest photographs
    at all. So the folds have the same number of photographs of a class, or one more; a class with fewer photographs
    than folds stands in as many folds as it has photographs, and small classes stand in different ones.

    Args:
        photos: of the TRAIN images.
        labels: their classes. A photograph may have images in several classes: it stays whole.
        folds: how many, at least 2.
        seed: chooses among the possible folds.
    """
    images: dict[str, Counter[int]] = defaultdict(Counter)
    for photo, label in zip(photos, labels, strict=True):
        images[photo][label] += 1
    totals = Counter(label for counts in images.values() for label in counts)
    placed = [Counter[int]() for _ in range(folds)]  # photographs by class
    filled = [Counter[int]() for _ in range(folds)]  # images by class
    chosen: dict[str, int] = {}

    def load(fold: int, photo: str) -> tuple[float, int, int, int]:
        classes = images[photo]
        share = sum(placed[fold][label] / totals[label] for label in classes)
        return share, sum(filled[fold][label] for label in classes), placed[fold].total(), fold

    ordered = sorted(images, key=lambda photo: hashlib.sha256(f"{seed}/{photo}".encode()).digest())
    for photo in sorted(ordered, key=lambda photo: -len(images[photo])):  # those of several classes first
        fold = min(range(folds), key=lambda fold: load(fold, photo))
        chosen[photo] = fold
        placed[fold].update(images[photo].keys())
        filled[fold].update(images[photo])
    return chosen


def check_folds(chosen: Mapping[str, int], photos: Sequence[str], labels: Sequence[int], names: Sequence[str]) -> None:
    """Refuses folds that leave a class nothing to train on.

    Raises:
        DataError: naming the classes all of whose photographs stand in one fold.
    """
    folds: dict[int, set[int]] = defaultdict(set)
    counts: dict[int, set[str]] = defaultdict(set)
    for photo, label in zip(photos, labels, strict=True):
        folds[label].add(chosen[photo])
        counts[label].add(photo)
    alone = []
    for label, where in sorted(folds.items()):
        if len(where) < 2:
            n = len(counts[label])
            found = "1 photograph" if n == 1 else f"{n} photographs, which other classes keep in one fold"
            alone.append(
                f"TRAIN/{shown(names[label])}: {found}; at least 2 are needed, one to train and one to validate"
            )
    if alone:
        raise DataError("No validation folds can be made.", alone)


def fold_note(photos: Sequence[str], labels: Sequence[int], names: Sequence[str], wanted: int) -> str:
    """A sentence where there are fewer folds than wanted, or a class is missing in some; empty where all is usual."""
    there = fold_count(photos, labels, wanted)
    per_class = Counter(label for label, _ in set(zip(labels, photos, strict=True)))
    few = [f"{shown(names[label])} ({n})" for label, n in sorted(per_class.items()) if n < there]
    parts = []
    if there < wanted:
        parts.append(f"Validation rotates over {there} folds in place of {wanted}: no class has more photographs.")
    if few:
        parts.append(
            f"Classes with fewer photographs than the {there} folds validate in some folds only: {', '.join(few)}."
        )
    return " ".join(parts)


def choose_test(photos: Sequence[str], labels: Sequence[int], known: Mapping[str, bool]) -> dict[str, bool]:
    """Whether each photograph of a folder without splits is kept for the test: a fifth of each class, at least one.

    Args:
        photos: of all images.
        labels: their classes.
        known: what was decided earlier, by photograph. It stays, also when images are added.
    """
    classes: dict[str, set[int]] = defaultdict(set)
    for photo, label in zip(photos, labels, strict=True):
        classes[photo].add(label)
    totals = Counter(label for found in classes.values() for label in found)
    wanted = {label: max(1, round(total * TEST_SHARE)) for label, total in totals.items()}
    chosen = {photo: known[photo] for photo in classes if photo in known}
    taken = Counter(label for photo, tests in chosen.items() if tests for label in classes[photo])
    ordered = sorted(classes, key=lambda photo: hashlib.sha256(f"test/{photo}".encode()).digest())
    for photo in (photo for photo in ordered if photo not in chosen):
        chosen[photo] = all(taken[label] < wanted[label] for label in classes[photo])
        if chosen[photo]:
            taken.update(classes[photo])
    for label in sorted(totals):  # where photographs of several classes filled the others' shares
        mine = [photo for photo in ordered if label in classes[photo]]
        if not taken[label] and mine:
            photo = min(mine, key=lambda photo: (photo in known, len(classes[photo])))
            chosen[photo] = True
            taken.update(classes[photo])
    return chosen
