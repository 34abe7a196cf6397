"""Classifies images with a trained model.

    python -m trainer.predict --model MODEL.keras cell.jpeg another.png folder/

An image that looks like none of the training images is said to (`trainer.familiar`), where the model knows them. One
that cannot be read is listed, and the others are classified.

`_load_pyfunc` opens the same model for MLflow (`mlflow models serve`, `mlflow.pyfunc.load_model`). Images are read as
in training, so any size and any format that the trainer takes will do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.classifier import AT_ONCE, Classifier, Pixels, Probabilities, open_image
from trainer.command import command
from trainer.data.layouts import is_image
from trainer.errors import DataError, TrainerError

if TYPE_CHECKING:
    import pandas as pd

UNLIKE = "looks like none of the training images"
DONE, INCOMPLETE, BAD_INPUT = 0, 1, 2  # exit statuses


class _Served:
    """The model as MLflow calls it."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The class of each image and the probability of each class.

        Args:
            model_input: a table with a column `image`, or a sequence, of whole image files as bytes or as base64 text;
                or their pixels, uint8 of shape (n, height, width, channels).
            params: none are known.

        Returns:
            A column `class`, and one column of probabilities a class.

        Raises:
            DataError: listing every image that cannot be read, counted from 0. MLflow's server gets an error of its
                own kind, which it answers with in place of a stack trace.
        """
        try:
            return self._classified(model_input)
        except DataError as error:
            mlflow = sys.modules.get("mlflow.exceptions")  # there where MLflow calls
            if mlflow is None:
                raise
            raise _refused_by(mlflow, str(error)) from error

    def _classified(self, model_input: Any) -> pd.DataFrame:
        import pandas as pd

        images = model_input["image"] if hasattr(model_input, "columns") else model_input
        if isinstance(images, np.ndarray) and images.ndim == 4:
            pixels = images.astype(np.uint8)
        else:
            named = [(f"image {n}", partial(open_image, image)) for n, image in enumerate(images)]
            pixels = self._classifier.read(named)
        names = self._classifier.class_names
        shares = self._classifier.probabilities(pixels) if len(pixels) else np.empty((0, len(names)))
        winners = [names[winner] for winner in shares.argmax(axis=1)]
        return pd.DataFrame({"class": winners, **dict(zip(names, shares.T.tolist(), strict=True))})


def _refused_by(mlflow: Any, sentence: str) -> Exception:
    """An error that MLflow's server answers with as it stands, status 400; it would put the whole request before it."""

    class Refused(mlflow.MlflowException):  # MLflow is there where it calls
        def __setattr__(self, name: str, value: Any) -> None:
            if name != "message" or "message" not in vars(self):
                super().__setattr__(name, value)

    return Refused(sentence, error_code=mlflow.BAD_REQUEST)


def _load_pyfunc(path: str) -> _Served:
    """The model of an MLflow model's folder; MLflow calls this by name."""
    return _Served(Classifier(Path(path)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0; 1 where images cannot be read; 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m trainer.predict", description="Classify images of cells.")
    parser.add_argument("--model", type=Path, required=True, metavar="PATH", help="a .keras file, or a folder with one")
    parser.add_argument("--json", action="store_true", help="one JSON list in place of a table")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="JPEG, PNG, TIFF, BMP or WebP files of any size, or folders, which are searched for them",
    )
    options = parser.parse_args(arguments)
    with command():
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    try:
        files = [file for given in options.images for file in _files(given)]
        classifier = Classifier(options.model)
    except TrainerError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for first in range(0, len(files), AT_ONCE):
        names = files[first : first + AT_ONCE]
        pixels, places, unread = classifier.read_good([(name, partial(open_image, Path(name))) for name in names])
        problems += unread
        if places:
            found += _classified(classifier, [names[place] for place in places], pixels)
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        if found:
            _print_table(found)
        if classifier.familiar is not None and any(item["unlike_training"] for item in found):
            print(classifier.familiar.sentence)
    if problems:
        print(DataError(f"{len(problems):,} of {len(files):,} images cannot be read:", problems), file=sys.stderr)
    return INCOMPLETE if problems else DONE


def _files(given: str) -> list[str]:
    """The file of this path, or the images in the folder of it and below, sorted; hidden ones are left out.

    Raises:
        DataError: a folder without images.
    """
    folder = Path(given)
    if not folder.is_dir():
        return [given]
    found = sorted(str(file) for file in _below(folder))
    if not found:
        raise DataError(f"{given}: no image in this folder; allowed: JPEG, PNG, TIFF, BMP or WebP, by their names")
    return found


def _below(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if is_image(file.name) and not hidden and not file.is_dir():
            yield file


def _classified(classifier: Classifier, names: Sequence[str], pixels: Pixels) -> list[dict[str, Any]]:
    """What is said of each image; `unlike_training` is None where the model does not know its training images."""
    shares = classifier.probabilities(pixels)
    unlike = [None] * len(names) if classifier.familiar is None else classifier.familiar.unlike(pixels).tolist()
    return [
        {
            "image": name,
            "class": classifier.class_names[row.argmax()],
            "probabilities": _by_class(classifier, row),
            "unlike_training": strange,
        }
        for name, row, strange in zip(names, shares, unlike, strict=True)
    ]


def _by_class(classifier: Classifier, row: Probabilities) -> dict[str, float]:
    return {name: round(float(share), 6) for name, share in zip(classifier.class_names, row, strict=True)}


def _print_table(found: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("image", "class", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    table.add_column("probability", justify="right")
    strange = any(item["unlike_training"] for item in found)
    if strange:
        table.add_column()
    for item in found:
        last = [UNLIKE if item["unlike_training"] else ""] if strange else []
        most = max(item["probabilities"].values())
        table.add_row(Text(item["image"]), Text(item["class"]), f"{most:.1%}", *last)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
