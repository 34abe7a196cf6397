"""Classifies images with a trained model.

    python -m trainer.predict --model MODEL.keras cell.jpeg another.png

`_load_pyfunc` opens the same model for MLflow (`mlflow models serve`, `mlflow.pyfunc.load_model`). Images are read as
in training, so any size and any format that the trainer takes will do.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from trainer.data.images.depth import FULL, Range, Ranges
from trainer.data.images.formats import FORMATS, content_format
from trainer.data.images.reader import BadImageError, read_image
from trainer.data.images.resizing import ImageSize
from trainer.errors import DataError, TrainerError

if TYPE_CHECKING:
    import pandas as pd

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float64]


class Classifier:
    """A trained model.

    Args:
        path: a .keras file, or a folder with exactly one in it or below (a model folder of MLflow, for one).

    Raises:
        TrainerError: there is no such model.

    Attributes:
        class_names: in the order of the probabilities.
        size: of the images that the model takes, and what is done to other aspect ratios, as in its training.
        ranges: by which images of more than 8 bits are scaled, as in its training.
    """

    def __init__(self, path: Path) -> None:
        file = _model_file(path)
        from trainer.model import load_model  # loads Keras: seconds

        try:
            self._model = load_model(file)
            self.class_names: tuple[str, ...] = tuple(self._model.layers[-1].names)
        except Exception as error:  # Keras raises anything on a file that is none of its own
            raise TrainerError(f"{file}: no model of this trainer ({str(error).strip().splitlines()[0]})") from error
        _, height, width, channels = self._model.input_shape
        reading = self._model.layers[-1].reading
        self.size = ImageSize(height, width, channels == 3, reading.get("fit", "stretch"))
        self.ranges = Ranges(*(Range(*span) for span in reading.get("ranges", FULL)))

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """One row an image, one column a class.

        Args:
            pixels: uint8 of shape (n, height, width, channels), 0-255.
        """
        logits = np.asarray(self._model.predict(pixels, batch_size=64, verbose=0), np.float64)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        return shares

    def read(self, images: Sequence[tuple[str, Callable[[], BinaryIO]]]) -> Pixels:
        """Images as the model takes them.

        Args:
            images: of each, the name that messages give it, and what opens it.

        Raises:
            DataError: listing every image that cannot be read.
        """
        pixels, problems = [], []
        for name, open_image in images:
            try:
                with open_image() as file:
                    pixels.append(read_image(file, [self.size], ranges=self.ranges).pixels[0])
            except (OSError, binascii.Error) as error:
                problems.append(f"{name}: {getattr(error, 'strerror', None) or error}")
            except BadImageError as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise DataError(f"{len(problems)} of {len(images)} images cannot be read:", problems)
        return np.stack(pixels) if pixels else np.empty((0, *self.size[:2], self.size.channels), np.uint8)


def _model_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise TrainerError(f"{path}: no such file or folder; a model is a .keras file, or a folder with one in it")
    found = sorted(file for file in path.rglob("*.keras") if not file.name.startswith("."))  # half-saved ones do
    if len(found) != 1:
        which = ", ".join(str(file.relative_to(path)) for file in found[:10]) or "none"
        raise TrainerError(f"{path}: a folder with exactly one .keras file is needed; found {which}")
    return found[0]


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
            DataError: listing every image that cannot be read, counted from 0.
        """
        import pandas as pd

        images = model_input["image"] if hasattr(model_input, "columns") else model_input
        if isinstance(images, np.ndarray) and images.ndim == 4:
            pixels = images.astype(np.uint8)
        else:
            pixels = self._classifier.read([(f"image {n}", partial(_open, image)) for n, image in enumerate(images)])
        names = self._classifier.class_names
        shares = self._classifier.probabilities(pixels) if len(pixels) else np.empty((0, len(names)))
        winners = [names[winner] for winner in shares.argmax(axis=1)]
        return pd.DataFrame({"class": winners, **dict(zip(names, shares.T.tolist(), strict=True))})


def _open(image: Path | str | bytes) -> BinaryIO:
    """A file; or its bytes; or those as base64 text, which MLflow hands over undecoded in some of its formats."""
    if isinstance(image, Path):
        return image.open("rb")
    if isinstance(image, str) or (image.isascii() and content_format(image[:64]) not in FORMATS):
        text = image.encode() if isinstance(image, str) else image
        image = base64.b64decode(b"".join(text.split()), validate=True)
    return io.BytesIO(image)


def _load_pyfunc(path: str) -> _Served:
    """The model of an MLflow model's folder; MLflow calls this by name."""
    return _Served(Classifier(Path(path)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m trainer.predict", description="Classify images of cells.")
    parser.add_argument("--model", type=Path, required=True, metavar="PATH", help="a .keras file, or a folder with one")
    parser.add_argument("--json", action="store_true", help="one JSON list in place of a table")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="JPEG, PNG, TIFF, BMP or WebP files of any size")
    options = parser.parse_args(arguments)
    try:
        classifier = Classifier(options.model)
        pixels = classifier.read([(name, partial(_open, Path(name))) for name in options.images])
    except TrainerError as error:
        print(error, file=sys.stderr)
        return 2
    shares = classifier.probabilities(pixels)
    if options.json:
        found = [
            {"image": name, "class": classifier.class_names[row.argmax()], "probabilities": _by_class(classifier, row)}
            for name, row in zip(options.images, shares, strict=True)
        ]
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print_table(classifier, options.images, shares)
    return 0


def _by_class(classifier: Classifier, row: Probabilities) -> dict[str, float]:
    return {name: round(float(share), 6) for name, share in zip(classifier.class_names, row, strict=True)}


def _print_table(classifier: Classifier, images: Sequence[str], shares: Probabilities) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("image", "class", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    table.add_column("probability", justify="right")
    for name, row in zip(images, shares, strict=True):
        table.add_row(Text(name), Text(classifier.class_names[row.argmax()]), f"{row.max():.1%}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
