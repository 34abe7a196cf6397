"""Measures a trained model on a folder of images whose classes are known, another laboratory's for one.

    python -m trainer.evaluate --model MODEL.keras DIR

The folder is laid out like one to train on. Intervals are over photographs: copies of one are no independent evidence.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.classifier import AT_ONCE, Classifier, open_image
from trainer.command import command, refused
from trainer.data.cache.decoding import Output
from trainer.data.cache.prepare import bad_file_lines
from trainer.data.cache.workers import decode_files
from trainer.data.grouping.group_images import group_images
from trainer.data.grouping.grouping import grouped
from trainer.data.index import Index, list_folder, shown
from trainer.data.options import DataOptions, add_photographs_option
from trainer.errors import DataError, TrainerError
from trainer.intervals import Share, share_by_photograph
from trainer.measure import confusion_matrix

DONE, INCOMPLETE, BAD_INPUT = 0, 1, 2  # exit statuses
SPLITS = ("test", "val", "train", "all")

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evaluation:
    """How a model does on a folder.

    Attributes:
        images: that were measured.
        photographs: of which they are.
        known_by: how photographs are known.
        split: which part of the folder it was.
        class_names: the model's.
        accuracy: share of the images that are classified rightly, with its interval.
        recall: the same of each class; None for one without images.
        macro_f1: the mean of F1 over the model's classes that the folder has.
        confusion: counts; row the true class, column the predicted one.
        unlike: images that look like none of the training images; None where the model does not know these.
        bad: a line for each file that is no usable image.
    """

    images: int
    photographs: int
    known_by: str
    split: str
    class_names: tuple[str, ...]
    accuracy: Share
    recall: tuple[Share | None, ...]
    macro_f1: float
    confusion: tuple[tuple[int, ...], ...]
    unlike: int | None
    bad: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything, by class where it is of a class."""
        recall = {name: share and share.as_json() for name, share in zip(self.class_names, self.recall, strict=True)}
        kept = {name: getattr(self, name) for name in ("images", "photographs", "known_by", "split", "macro_f1")}
        rest = {"class_names": self.class_names, "confusion": self.confusion, "unlike_training": self.unlike}
        return {**kept, "accuracy": self.accuracy.as_json(), "recall": recall, **rest, "bad_files": self.bad}


def evaluate(
    classifier: Classifier, root: Path, options: DataOptions | None = None, split: str | None = None
) -> Evaluation:
    """Classifies the images of a folder and compares with what it says of them.

    Args:
        classifier: the model.
        root: a folder in any layout of `trainer.data.layouts`. Classes may be missing in it.
        options: what the user says of its photographs.
        split: "train", "val", "test" or "all"; None is the test images where the folder names some, else all.

    Raises:
        DataError: there is no such folder, it has a class that the model does not know, or no image that can be used.
    """
    options = options or DataOptions()
    listed, _ = list_folder(root)  # what a training would miss, a class for one, is no problem here
    unknown = [name for name in listed.class_names if name not in classifier.class_names]
    if unknown:
        known = ", ".join(map(shown, classifier.class_names))
        raise DataError(
            f"{root}: classes that the model does not know: {', '.join(map(shown, unknown))}; allowed: {known}"
        )
    split = split or ("test" if "TEST" in listed.sides else "all")
    chosen = listed.subset(n for n, side in enumerate(listed.sides) if split == "all" or side == split.upper())
    if not chosen.files:
        raise DataError(f"{root}: no {'' if split == 'all' else split + ' '}images")
    results = decode_files(chosen, [Output(classifier.size)])
    good = [row for row, result in enumerate(results) if not result.found]
    bad = bad_file_lines(chosen, results)
    if not good:
        raise DataError(f"{root}: none of its {len(bad):,} files is a usable image:", bad)
    index, contents = chosen.subset(good), [results[row].content for row in good]
    with tempfile.TemporaryDirectory(prefix="photographs-") as cache:
        grouping = group_images(index, contents, DataOptions(options.photographs, "keep"), Path(cache))
        index = grouped(index, grouping)
    places = [classifier.class_names.index(name) for name in listed.class_names]
    labels = np.array([places[label] for label in index.labels], np.int64)
    predicted, unlike = _classify(classifier, index)
    return Evaluation(
        images=len(labels),
        photographs=len(set(index.photos)),
        known_by=grouping.how,
        split=split,
        class_names=classifier.class_names,
        **_measured(predicted, labels, index.photos, len(classifier.class_names)),
        unlike=unlike,
        bad=tuple(bad),
    )


def _classify(classifier: Classifier, index: Index) -> tuple[Labels, int | None]:
    """The class of each image, and how many look like none of the training images."""
    predicted, unlike = [], 0
    for first in range(0, len(index.files), AT_ONCE):
        names = index.files[first : first + AT_ONCE]
        pixels = classifier.read([(name, partial(open_image, index.root / name)) for name in names])
        predicted.append(classifier.probabilities(pixels).argmax(axis=1))
        if classifier.familiar is not None:
            unlike += int(classifier.familiar.unlike(pixels).sum())
    return np.concatenate(predicted), None if classifier.familiar is None else unlike


def _measured(predicted: Labels, labels: Labels, photos: Sequence[str], classes: int) -> dict[str, Any]:
    hits = predicted == labels
    names = np.array(photos)
    confusion = confusion_matrix(predicted, labels, classes)
    there = np.flatnonzero(confusion.sum(axis=1))
    recall = [
        share_by_photograph(hits[labels == label], names[labels == label]) if label in there else None
        for label in range(classes)
    ]
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    f1 = 2 * np.diag(confusion)[there] / total[there]
    return {
        "accuracy": share_by_photograph(hits, names),
        "recall": tuple(recall),
        "macro_f1": float(np.mean(f1)),
        "confusion": tuple(tuple(row) for row in confusion.tolist()),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0; 1 where images cannot be read; 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, metavar="PATH", help="a .keras file, or a folder with one")
    parser.add_argument("folder", type=Path, metavar="DIR", help="images by class, or with a labels.csv")
    parser.add_argument(
        "--split", choices=SPLITS, help="which images (default: the test images where the folder names some, else all)"
    )
    add_photographs_option(parser)
    parser.add_argument("--json", action="store_true", help="JSON in place of tables")
    options = parser.parse_args(arguments)
    with command():
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    try:
        classifier = Classifier(options.model)
        found = evaluate(classifier, options.folder, DataOptions(options.photographs), options.split)
    except PermissionError as error:
        print(refused(error), file=sys.stderr)
        return BAD_INPUT
    except TrainerError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    if options.json:
        print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))
    else:
        _print(found, classifier)
    if found.bad:
        n = len(found.bad) + found.images
        print(DataError(f"{len(found.bad):,} of {n:,} files are no usable images:", found.bad), file=sys.stderr)
    return INCOMPLETE if found.bad else DONE


def _print(found: Evaluation, classifier: Classifier) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    what = "" if found.split == "all" else f"{found.split} "
    lines = [
        f"{found.images:,} {what}images of {found.photographs:,} photographs, {found.known_by}.",
        f"Classified rightly: {found.accuracy}, the 95 % interval over photographs. Macro F1 {found.macro_f1:.3f}.",
    ]
    if found.unlike is not None and classifier.familiar is not None:
        share = found.unlike / found.images
        lines.append(f"{found.unlike:,} ({share:.1%}) look like none of the training images.")
        lines.append(classifier.familiar.sentence)
    table = Table("class", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for name in ("images", "photographs", "recall"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in found.class_names:
        table.add_column(Text(f"as {name}"), justify="right", overflow="fold")
    for name, recall, row in zip(found.class_names, found.recall, found.confusion, strict=True):
        counts = ("0", "0", "-") if recall is None else (f"{recall.images:,}", f"{recall.photographs:,}", str(recall))
        table.add_row(Text(name), *counts, *(f"{count:,}" for count in row))
    console = Console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
