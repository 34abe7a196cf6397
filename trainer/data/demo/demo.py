"""The demo set: a folder of drawn images in the layout of the Kaggle set, so that nothing has to be downloaded.

As there, each image is a copy of one of few photographs: turned, flipped, shifted (the corners that this uncovers are
black) and brighter or darker. What is learnt from copies of twenty photographs a class holds only in part for others.
TEST has more photographs, with few copies of each: what counts there are photographs.

The files are named as Keras's image generator names them: `_12_3845.jpeg` is what stood at position 12 of a shuffled
epoch, with a random number behind. So the names do not tell the photographs, on purpose; `demo.json` has the truth.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from trainer.data.demo.smear import draw_photograph
from trainer.data.demo.white_cells import DRAWN
from trainer.data.index import DEMO_MARKER
from trainer.errors import DataError

DEMO_VERSION = 3  # raised when the drawing changes; an older demo set is drawn again
JPEG_QUALITY = 85

DRAWN_SIDES = ("TRAIN", "TEST")

_LARGEST_TURN = 25.0  # degrees
_LARGEST_SHIFT = 12.0  # pixels


def ensure_demo(folder: Path) -> Path:
    """The demo set in `folder`; drawn (in some seconds) unless this version of it is there already.

    Raises:
        DataError: the folder has other things in it, or cannot be written.
    """
    if demo_version(folder) != DEMO_VERSION:
        write_demo(folder, replace=False)
    return folder


def demo_version(folder: Path) -> int | None:
    """The version of the demo set in `folder`; None where there is no demo set."""
    try:
        version = json.loads((folder / DEMO_MARKER).read_text("utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, int) else None


def write_demo(
    folder: Path,
    *,
    seed: int = 0,
    train_photos: int = 20,
    test_photos: int = 30,
    copies: tuple[int, int] = (8, 3),
    replace: bool = True,
) -> None:
    """Draw the demo set into `folder`, in place of an older demo set. The same arguments give the same images.

    It appears complete or not at all: it is drawn beside `folder` and renamed. Two processes may draw at once.

    Args:
        folder: is made; may be there if it is empty or has a demo set.
        seed: of the drawing.
        train_photos: photographs of each class in TRAIN.
        test_photos: photographs of each class in TEST.
        copies: images made of each photograph, in TRAIN and in TEST. What counts in testing are photographs.
        replace: False keeps a demo set of this version that another process finished meanwhile.

    Raises:
        DataError: the folder has other things in it, or cannot be written.
    """
    folder = folder.resolve()
    _refuse_other_things(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            drawn = Path(beside) / "drawn"
            _draw(drawn, seed, (train_photos, test_photos), copies)
            _swap(drawn, folder, Path(beside) / "old", replace=replace)
    except OSError as error:
        raise DataError(f"The demo set cannot be written to {folder}: {error.strerror}.") from error


def _refuse_other_things(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"The demo set cannot be written to {folder}: it is a file; a new or empty folder is needed.")
    if folder.is_dir() and demo_version(folder) is None and any(folder.iterdir()):
        raise DataError(
            f"The demo set cannot be written to {folder}: the folder has other things in it (no {DEMO_MARKER} says "
            "that they are a demo set). A new or empty folder is needed."
        )


def demo_truth(folder: Path) -> dict[str, str]:
    """The photograph of each image of a demo set, by the image's path below `folder`: for tests and measurements."""
    truth: dict[str, str] = json.loads((folder / DEMO_MARKER).read_text("utf-8"))["truth"]
    return truth


def _draw(folder: Path, seed: int, photos: tuple[int, int], copies: tuple[int, int]) -> None:
    truth = {}
    for split, side in enumerate(DRAWN_SIDES):
        for label, name in enumerate(DRAWN):
            place = folder / side / name
            place.mkdir(parents=True)
            names = _generator_names(photos[split], copies[split], np.random.default_rng([seed, split, label]))
            for photo in range(photos[split]):
                random = np.random.default_rng([seed, split, label, photo])
                photograph = draw_photograph(name, random)
                for file in names[photo]:
                    _copy(photograph, random).save(place / file, quality=JPEG_QUALITY)
                    truth[f"{side}/{name}/{file}"] = f"{side}-{name}-{photo:02d}"
    marker = {
        "version": DEMO_VERSION,
        "about": "Drawn by code (python -m trainer.data demo); these are no photographs of blood.",
        "seed": seed,
        "photographs": dict(zip(DRAWN_SIDES, photos, strict=True)),
        "copies": dict(zip(DRAWN_SIDES, copies, strict=True)),
        "truth": truth,
    }
    (folder / DEMO_MARKER).write_text(json.dumps(marker, indent=2) + "\n", "utf-8")


def _generator_names(photos: int, copies: int, random: np.random.Generator) -> list[list[str]]:
    """The names of each photograph's copies, as `copies` shuffled epochs of an image generator give them.

    Keras 1 and 2 write "{prefix}_{index}_{hash}.{format}": position in the epoch, random number below 10,000.
    """
    names: list[list[str]] = [[] for _ in range(photos)]
    numbers = iter(random.choice(10_000, photos * copies, replace=False).tolist())
    for _ in range(copies):
        for position, photo in enumerate(random.permutation(photos).tolist()):
            names[photo].append(f"_{position}_{next(numbers)}.jpeg")
    return names


def _copy(photograph: Image.Image, random: np.random.Generator) -> Image.Image:
    """The photograph turned, flipped, shifted and brighter or darker; the same size."""
    image = photograph
    if random.random() < 0.5:
        image = ImageOps.mirror(image)
    if random.random() < 0.5:
        image = ImageOps.flip(image)
    right, down = (round(shift) for shift in random.uniform(-_LARGEST_SHIFT, _LARGEST_SHIFT, 2))
    turn = float(random.uniform(-_LARGEST_TURN, _LARGEST_TURN))
    image = image.rotate(turn, Image.Resampling.BILINEAR, translate=(right, down))
    return ImageEnhance.Brightness(image).enhance(float(random.uniform(0.88, 1.08)))


def _swap(drawn: Path, folder: Path, old: Path, *, replace: bool) -> None:
    """Put `drawn` at `folder`; what was there (a demo set, or nothing) goes to `old`."""
    if not replace and demo_version(folder) == DEMO_VERSION:  # another process was faster, with the same images
        return
    if folder.exists():
        folder.rename(old)
    try:
        drawn.rename(folder)
    except OSError:
        if replace or demo_version(folder) != DEMO_VERSION:
            raise
