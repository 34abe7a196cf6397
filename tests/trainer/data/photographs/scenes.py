"""Drawn scenes, and copies of them as an image generator makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from trainer.data.photographs import Found, find_photographs


def scene(seed: int, width: int = 240, height: int = 180, *, spots: int = 70) -> Image.Image:
    """Discs and rings in gray and color on a light ground: no two seeds alike."""
    random = np.random.default_rng([11, seed])
    image = Image.new("RGB", (width, height), (225, 222, 215))
    draw = ImageDraw.Draw(image)
    for _ in range(spots):
        x, y = random.uniform(0, width), random.uniform(0, height)
        a, b = random.uniform(3, 16, 2)
        color = tuple(int(value) for value in random.integers(40, 200, 3))
        draw.ellipse((x - a, y - b, x + a, y + b), fill=color, outline=tuple(value // 2 for value in color))
    return image.filter(ImageFilter.GaussianBlur(0.8))


def turned(image: Image.Image, degrees: float, fill: str | None = "black") -> Image.Image:
    """About the middle, the same size; the corners are filled, or smeared from the border with None."""
    if fill is not None:
        return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=fill)
    width, height = image.size
    padded = np.pad(np.asarray(image), ((height, height), (width, width), (0, 0)), mode="edge")
    return (
        Image.fromarray(padded).rotate(degrees, Image.Resampling.BILINEAR).crop((width, height, 2 * width, 2 * height))
    )


def sheared(image: Image.Image, by: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, (1, by, -by * image.height / 2, 0, 1, 0))


def darkened(image: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(factor)


def write(folder: Path, images: Mapping[str, Image.Image], quality: int = 90) -> Path:
    """As PNG or JPEG, by the name."""
    for name, image in images.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=quality)
    return folder


def contents(folder: Path, files: Sequence[str]) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest()[:32] for name in files]


def find(folder: Path, files: Sequence[str] | None = None, store: Path | None = None, workers: int = 1) -> Found:
    """Of all files in the folder, by name, unless they are given."""
    names = files or sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    return find_photographs(folder, names, contents(folder, names), store=store, workers=workers)
