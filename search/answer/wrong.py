"""The test images that are most often classified wrongly."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from search.folder.load import StoredStudy
from search.folder.record import TrialRecord

SHOWN = 12
OF_A_PHOTO = 2  # its copies look alike
SMALL = (160, 120)  # pixels of a copy in the page: about 5 KB of JPEG


@dataclass(frozen=True)
class Wrong:
    """An image that models get wrong.

    Attributes:
        file: within the folder of images, as `TEST/MONOCYTE/_2_7.jpeg`.
        true: its class.
        predicted: the class that it is most often taken for.
        times: how often it was classified wrongly.
        of: in how many trainings.
        thumbnail: a small JPEG; None where the folder of images is not there any more.
    """

    file: str
    true: str
    predicted: str
    times: int
    of: int
    thumbnail: bytes | None


def most_often_wrong(recorded: StoredStudy, trials: Sequence[TrialRecord], limit: int = SHOWN) -> list[Wrong]:
    """The images wrong in most of the trials, at most two of a photograph; of equals, each class has its turn."""
    times: Counter[str] = Counter()
    taken_for: dict[str, Counter[int]] = {}
    done = [trial for trial in trials if trial.finished]
    for trial in done:
        for file, label in trial.finished.splits["test"].wrong.items() if trial.finished else ():
            times[file] += 1
            taken_for.setdefault(file, Counter())[label] += 1
    found: list[Wrong] = []
    photos: Counter[str] = Counter()
    root = Path(recorded.data.root) if recorded.data else None
    ranked: list[tuple[int, int, str]] = []  # of equals, each class has its turn
    of_class: Counter[tuple[str, int]] = Counter()
    for file, n in sorted(times.items(), key=lambda item: (-item[1], item[0])):
        photo = photo_of(file)
        photos[photo] += 1
        if photos[photo] <= OF_A_PHOTO:
            group = file.rpartition("/")[0], n
            of_class[group] += 1
            ranked.append((-n, of_class[group], file))
    for negative, _, file in sorted(ranked)[:limit]:
        n = -negative
        label = min(taken_for[file].items(), key=lambda item: (-item[1], item[0]))[0]
        true, predicted = file.split("/")[-2], recorded.class_names[label]
        found.append(Wrong(file, true, predicted, n, len(done), thumbnail(root / file) if root else None))
    return found


def photo_of(file: str) -> str:
    """The photograph that an image was made from: `TEST/MONOCYTE/_2_7.jpeg` gives `TEST/MONOCYTE/_2`."""
    stem = file.rpartition(".")[0]
    head, _, tail = stem.rpartition("_")
    return head if head and tail.isdigit() else stem


def thumbnail(path: Path) -> bytes | None:
    """A small copy of an image; None where it cannot be read."""
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
            small.thumbnail(SMALL)
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=80)
            return buffer.getvalue()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
