"""What the pictures of a folder of images have in common: titles, names, a panel with one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context

from trainer.data.images.depth import FULL, Ranges
from trainer.data.images.reader import BadImageError, read_image
from trainer.data.images.resizing import ImageSize
from trainer.data.index import Index, shown

_SAMPLE = ImageSize(180, 240, True)


def show_image(panel: Any, path: Path, ranges: Ranges = FULL) -> None:
    """Draws an image file into a panel of a figure."""
    try:
        with path.open("rb") as file:
            panel.imshow(read_image(file, [_SAMPLE], ranges=ranges).pixels[0])
    except (BadImageError, OSError):  # it went bad since it was audited
        panel.text(0.5, 0.5, "unreadable", ha="center", va="center", transform=panel.transAxes)


@contextmanager
def style() -> Iterator[None]:
    """Names as they are: no formulas between dollar signs."""
    with rc_context({"text.parse_math": False}):
        yield


def titled(index: Index, what: str) -> str:
    """A picture's title: the folder, and what is shown of it."""
    return f"{shortened(index.name, 60)}{' set (drawn by code)' if index.is_demo else ''}: {what}"


def shortened(name: str, width: int = 30) -> str:
    """A name of at most `width` letters, its middle left out."""
    name = shown(name)
    return name if len(name) <= width else f"{name[: width - 12]}...{name[-9:]}"
