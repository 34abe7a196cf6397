"""The four white cells of the demo, as a Wright-Giemsa stain shows them.

What tells them apart is taken from the usual descriptions (Bain, Blood Cells, 6th edition, chapter 2):
- eosinophil: two lobes, and coarse orange-red granules that fill the cell;
- lymphocyte: one round dense nucleus with a thin rim of blue cytoplasm;
- monocyte: the largest; a pale kidney-shaped nucleus in gray-blue cytoplasm, often with vacuoles;
- neutrophil: three to five lobes on thin strands in pale pink cytoplasm with fine granules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.data.demo.drawing import Field, Outline, Point, Window, inside, strand, texture, union

Absorbance = npt.NDArray[np.floating[Any]]  # of shape (height, width, 3)

# Absorbances in red, green and blue, from colors picked in the Kaggle photographs against their background.
NUCLEUS = np.array([0.70, 1.22, 0.16], np.float32)
_PALE_NUCLEUS = np.array([0.52, 0.86, 0.07], np.float32)
_DARK_NUCLEUS = np.array([0.95, 1.25, 0.24], np.float32)
_PINK = np.array([0.07, 0.26, 0.09], np.float32)
_EOSIN = np.array([0.08, 0.60, 0.42], np.float32)
_GRAY_BLUE = np.array([0.28, 0.26, 0.05], np.float32)
_BLUE = np.array([0.66, 0.50, 0.06], np.float32)

REACH = 1.45  # radii around a white cell's center within which it is drawn


@dataclass(frozen=True)
class WhiteCell:
    """A drawn cell, in its window: what covers the red cells beneath, and what it absorbs."""

    window: Window
    coverage: Field
    absorbance: Absorbance


def draw_white_cell(
    name: str, random: np.random.Generator, center: Point, scale: float, width: int, height: int
) -> WhiteCell | None:
    """A cell of class `name` in a photograph of `width` x `height` pixels; None where nothing of it would be seen.

    Args:
        name: a key of `DRAWN`.
        random: shape, size and texture.
        center: (x, y), pixels; may lie outside the photograph.
        scale: pixels that a red cell's radius has; the white cell's size follows.
        width: pixels.
        height: pixels.
    """
    kind = DRAWN[name]
    radius = scale * float(random.uniform(*kind.radius))
    window = Window.around(center, radius * REACH, width, height)
    if window is None:
        return None
    outline = Outline.random(random, center, radius, 1.18, kind.roughness)
    outer = (outline.depth(window) - 1) * radius + kind.fray * texture(random, window.x.shape, 3.0)
    coverage = inside(outer, 0.8)
    nucleus_distance = kind.nucleus(random, window, center, radius)
    nucleus_distance = nucleus_distance + 0.025 * radius * texture(random, window.x.shape, 0.22 * radius)
    nucleus = inside(nucleus_distance, 0.7) * inside(outer + 1.0, 0.8)
    absorbance = kind.stain(random, coverage, nucleus)
    return WhiteCell(window, coverage, absorbance.astype(np.float32))


def _lobes(random: np.random.Generator, window: Window, points: list[tuple[Point, float]], link: float) -> Field:
    """Lobes in a row, held together by strands of radius `link`."""
    parts = []
    for (x, y), radius in points:
        bulge = Outline.random(random, (x, y), radius, 1.35, 0.06)
        parts.append((bulge.depth(window) - 1) * radius)
    for (start, _), (end, _) in pairwise(points):
        parts.append(strand(window, (start, link), (end, link)))
    return union(parts, 0.9)


def _arc(random: np.random.Generator, center: Point, count: int, bend: float, reach: float) -> list[Point]:
    """`count` points on an arc of radius `reach` around about the center, `bend` radians long."""
    turn = random.uniform(0, 2 * np.pi)
    angles = turn + np.linspace(-bend / 2, bend / 2, count)
    # Shifted back by the arc's mean, so that the nucleus stays in the cell however long the arc is.
    pull = 0.55 * reach * np.sinc(bend / 2 / np.pi)
    return [
        (
            center[0] + float(reach * np.cos(angle) - pull * np.cos(turn)),
            center[1] + float(reach * np.sin(angle) - pull * np.sin(turn)),
        )
        for angle in angles
    ]


def _two_lobes(random: np.random.Generator, window: Window, center: Point, radius: float) -> Field:
    count = 3 if random.random() < 0.15 else 2
    bend = random.uniform(1.6, 2.3) if count == 2 else random.uniform(2.4, 3.2)
    points = _arc(random, center, count, bend, radius * random.uniform(0.46, 0.54))
    size = 0.47 if count == 2 else 0.36
    return _lobes(
        random, window, [(point, radius * size * random.uniform(0.86, 1.1)) for point in points], radius * 0.1
    )


def _many_lobes(random: np.random.Generator, window: Window, center: Point, radius: float) -> Field:
    count = int(random.choice([2, 3, 4, 5], p=[0.1, 0.4, 0.35, 0.15]))
    points = _arc(random, center, count, 1.15 * count * random.uniform(0.85, 1.15), radius * random.uniform(0.42, 0.52))
    jittered = [(x + radius * random.normal(0, 0.05), y + radius * random.normal(0, 0.05)) for x, y in points]
    size = 0.46 - 0.037 * count
    return _lobes(
        random, window, [(point, radius * size * random.uniform(0.8, 1.15)) for point in jittered], radius * 0.07
    )


def _round(random: np.random.Generator, window: Window, center: Point, radius: float) -> Field:
    shift = radius * 0.06
    middle = (center[0] + float(random.normal(0, shift)), center[1] + float(random.normal(0, shift)))
    size = radius * random.uniform(0.78, 0.92)
    return (Outline.random(random, middle, size, 1.15, 0.03).depth(window) - 1) * np.float32(size)


def _kidney(random: np.random.Generator, window: Window, center: Point, radius: float) -> Field:
    bend = random.uniform(1.4, 3.4)
    points = _arc(random, center, 6, bend, radius * random.uniform(0.40, 0.50))
    thick = [0.42, 0.46, 0.42, 0.42, 0.46, 0.42]
    ends = [(point, radius * size * random.uniform(0.92, 1.12)) for point, size in zip(points, thick, strict=True)]
    return union([strand(window, start, end) for start, end in pairwise(ends)], 2.0)


def _stack(coverage: Field, body: Absorbance, nucleus: Field, core: Absorbance) -> Absorbance:
    stained: Absorbance = coverage[..., None] * ((1 - nucleus[..., None]) * body + nucleus[..., None] * core)
    return stained


def _grainy(field: Field, color: npt.NDArray[np.float32], amount: float) -> Absorbance:
    grainy: Absorbance = color * np.clip(1 + amount * field, 0.1, None)[..., None]
    return grainy


def _stain_eosinophil(random: np.random.Generator, coverage: Field, nucleus: Field) -> Absorbance:
    granules = texture(random, coverage.shape, 2.6)
    body = _grainy(granules, _EOSIN * np.float32(random.uniform(0.85, 1.15)), 0.3)
    core = _grainy(texture(random, coverage.shape, 4.0), NUCLEUS, 0.12)
    over = np.clip(granules - 0.8, 0, 1)[..., None] * np.float32(0.35)  # granules that lie above the nucleus
    return _stack(coverage, body, nucleus, core * (1 - over) + body * over)


def _stain_lymphocyte(random: np.random.Generator, coverage: Field, nucleus: Field) -> Absorbance:
    body = _grainy(texture(random, coverage.shape, 4.0), _BLUE * np.float32(random.uniform(0.6, 1.1)), 0.12)
    color = NUCLEUS + (_DARK_NUCLEUS - NUCLEUS) * np.float32(random.uniform(0, 1))
    return _stack(coverage, body, nucleus, _grainy(texture(random, coverage.shape, 6.0), color, 0.09))


def _stain_monocyte(random: np.random.Generator, coverage: Field, nucleus: Field) -> Absorbance:
    cloud = texture(random, coverage.shape, 5.0)
    body = _grainy(0.6 * cloud + 0.4 * texture(random, coverage.shape, 2.0), _GRAY_BLUE, 0.3)
    holes = np.clip((texture(random, coverage.shape, 4.5) - 1.5) * 1.6, 0, 0.85)[..., None]  # vacuoles
    color = _PALE_NUCLEUS + (NUCLEUS - _PALE_NUCLEUS) * np.float32(random.uniform(0, 0.7))
    lace = 0.6 * texture(random, coverage.shape, 5.0) + 0.5 * texture(random, coverage.shape, 2.4)
    amount = np.float32(random.choice([0.2, 1.0]))  # some have many vacuoles, most have few
    pierced: Absorbance = _stack(coverage, body, nucleus, _grainy(lace, color, 0.15)) * (1 - amount * holes)
    return pierced


def _stain_neutrophil(random: np.random.Generator, coverage: Field, nucleus: Field) -> Absorbance:
    fine = 0.7 * texture(random, coverage.shape, 1.6) + 0.5 * texture(random, coverage.shape, 5.0)
    body = _grainy(fine, _PINK * np.float32(random.uniform(0.7, 1.2)), 0.3)
    return _stack(coverage, body, nucleus, _grainy(texture(random, coverage.shape, 3.5), NUCLEUS, 0.15))


@dataclass(frozen=True)
class _Kind:
    radius: tuple[float, float]  # in red cells' radii
    roughness: float  # of the outline
    fray: float  # pixels by which the outline wavers
    nucleus: Callable[[np.random.Generator, Window, Point, float], Field]
    stain: Callable[[np.random.Generator, Field, Field], Absorbance]


# Radii: a red cell has 3.6 micrometers, the white cells 6-8.5 (lymphocyte 3.5-6, monocyte 7.5-10): Bain, chapter 2.
DRAWN = {
    "EOSINOPHIL": _Kind((1.5, 1.9), 0.02, 0.4, _two_lobes, _stain_eosinophil),
    "LYMPHOCYTE": _Kind((1.05, 1.4), 0.03, 0.5, _round, _stain_lymphocyte),
    "MONOCYTE": _Kind((1.9, 2.5), 0.06, 0.9, _kidney, _stain_monocyte),
    "NEUTROPHIL": _Kind((1.45, 1.85), 0.02, 0.4, _many_lobes, _stain_neutrophil),
}
