"""A saved model that classifies image files, read as in its training."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from trainer.data.images.depth import FULL, Range, Ranges
from trainer.data.images.formats import FORMATS, content_format
from trainer.data.images.reader import BadImageError, read_image
from trainer.data.images.resizing import ImageSize
from trainer.errors import DataError, TrainerError
from trainer.familiar import familiarity_of
from trainer.notices import without_notices

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float64]
Opened = tuple[str, Callable[[], BinaryIO]]  # what messages call an image, and what opens it

AT_ONCE = 64  # images that are in memory together


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
        familiar: what its training images look like; None where it does not know, as a model of before.
    """

    def __init__(self, path: Path) -> None:
        file = _model_file(path)
        try:
            with without_notices():
                from trainer.model import load_model  # loads Keras: seconds

                self._model = load_model(file)
            self.class_names: tuple[str, ...] = tuple(self._model.layers[-1].names)
        except Exception as error:  # Keras raises anything on a file that is none of its own
            raise TrainerError(f"{file}: no model of this trainer ({str(error).strip().splitlines()[0]})") from error
        _, height, width, channels = self._model.input_shape
        reading = self._model.layers[-1].reading
        self.size = ImageSize(height, width, channels == 3, reading.get("fit", "stretch"))
        self.ranges = Ranges(*(Range(*span) for span in reading.get("ranges", FULL)))
        self.familiar = familiarity_of(getattr(self._model.layers[-1], "familiar", None))

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """One row an image, one column a class.

        Args:
            pixels: uint8 of shape (n, height, width, channels), 0-255.
        """
        logits = np.asarray(self._model.predict(pixels, batch_size=64, verbose=0), np.float64)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        return shares

    def read(self, images: Sequence[Opened]) -> Pixels:
        """Images as the model takes them.

        Raises:
            DataError: listing every image that cannot be read.
        """
        pixels, _, problems = self.read_good(images)
        if problems:
            raise DataError(f"{len(problems)} of {len(images)} images cannot be read:", problems)
        return pixels

    def read_good(self, images: Sequence[Opened]) -> tuple[Pixels, list[int], list[str]]:
        """Those of the images that can be read: pixels, places in `images`, and a line for each of the others."""
        pixels, places, problems = [], [], []
        for place, (name, opens) in enumerate(images):
            try:
                with opens() as file:
                    pixels.append(read_image(file, [self.size], ranges=self.ranges).pixels[0])
                places.append(place)
            except (OSError, binascii.Error) as error:
                problems.append(f"{name}: {getattr(error, 'strerror', None) or error}")
            except BadImageError as error:
                problems.append(f"{name}: {error}")
        there = np.stack(pixels) if pixels else np.empty((0, *self.size[:2], self.size.channels), np.uint8)
        return there, places, problems


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


def open_image(image: Path | str | bytes) -> BinaryIO:
    """A file; or its bytes; or those as base64 text, which MLflow hands over undecoded in some of its formats."""
    if isinstance(image, Path):
        return image.open("rb")
    if isinstance(image, str) or (image.isascii() and content_format(image[:64]) not in FORMATS):
        text = image.encode() if isinstance(image, str) else image
        image = base64.b64decode(b"".join(text.split()), validate=True)
    return io.BytesIO(image)
