"""Shapes and textures from which the demo's blood cells are drawn: coverages and fields as float arrays.

Light is absorbed (Beer-Lambert): each thing adds an absorbance in red, green and blue, and a pixel is the background
times exp(-absorbance). So what overlaps gets darker, and a stain is three numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Field = npt.NDArray[np.floating[Any]]  # of shape (height, width)
Point = tuple[float, float]  # (x, y), pixels


@dataclass(frozen=True)
class Window:
    """A rectangle of the photograph that one cell touches; its fields have the shape of `y`.

    Attributes:
        rows, columns: of the photograph.
        x, y: float32 pixel coordinates, in the photograph's frame.
    """

    rows: slice
    columns: slice
    x: Field
    y: Field

    @classmethod
    def around(cls, center: Point, radius: float, width: int, height: int) -> Window | None:
        """The part of a photograph within `radius` of `center`; None where there is none."""
        left, right = max(0, int(center[0] - radius)), min(width, int(center[0] + radius) + 2)
        top, bottom = max(0, int(center[1] - radius)), min(height, int(center[1] + radius) + 2)
        if left >= right or top >= bottom:
            return None
        y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
        return cls(slice(top, bottom), slice(left, right), x, y)


@dataclass(frozen=True)
class Outline:
    """A closed curve around `center`: an ellipse with waves.

    Attributes:
        radius: pixels, on average.
        stretch: long axis by short axis.
        angle: of the long axis, radians.
        waves: (amplitude, phase) of 2, 3, ... waves around, amplitudes as a share of the radius.
    """

    center: Point
    radius: float
    stretch: float
    angle: float
    waves: tuple[tuple[float, float], ...]

    @classmethod
    def random(
        cls, random: np.random.Generator, center: Point, radius: float, stretch: float, roughness: float
    ) -> Outline:
        """Any such curve; `roughness` is the usual amplitude of a wave, `stretch` the largest."""
        waves = tuple(
            (float(random.normal(0, roughness / (k - 1))), float(random.uniform(0, 2 * np.pi))) for k in range(2, 7)
        )
        return cls(center, radius, float(random.uniform(1, stretch)), float(random.uniform(0, np.pi)), waves)

    def depth(self, window: Window) -> Field:
        """0 at the center, 1 on the curve, above 1 outside."""
        dx, dy = window.x - self.center[0], window.y - self.center[1]
        along = (dx * np.cos(self.angle) + dy * np.sin(self.angle)) / np.sqrt(self.stretch)
        across = (dy * np.cos(self.angle) - dx * np.sin(self.angle)) * np.sqrt(self.stretch)
        theta = np.arctan2(across, along)
        edge = np.ones_like(theta)
        for k, (amplitude, phase) in enumerate(self.waves, start=2):
            edge += amplitude * np.cos(k * theta + phase)
        depth: Field = np.hypot(along, across) / (self.radius * edge)
        return depth


def inside(distance: Field, softness: float) -> Field:
    """Coverage (0 to 1) from a distance to an edge in pixels, negative inside; `softness` in pixels too."""
    coverage: Field = 1 / (1 + np.exp(np.clip(distance / softness, -30, 30)))
    return coverage


def strand(window: Window, start: tuple[Point, float], end: tuple[Point, float]) -> Field:
    """Distance in pixels to a rod with round ends, negative inside; each end is a point and the rod's radius there."""
    (x0, y0), r0 = start
    (x1, y1), r1 = end
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((window.x - x0) * dx + (window.y - y0) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    distance: Field = np.hypot(window.x - x0 - along * dx, window.y - y0 - along * dy) - (r0 + along * (r1 - r0))
    return distance


def union(distances: Sequence[Field], melt: float) -> Field:
    """The distance to any of several shapes; where two come closer than `melt` pixels they flow together."""
    total = np.zeros_like(distances[0])
    for distance in distances:
        total += np.exp(np.clip(-distance / melt, -60, 60))
    joined: Field = -melt * np.log(total)
    return joined


def texture(random: np.random.Generator, shape: tuple[int, int], grain: float) -> Field:
    """Smooth noise of mean 0 and standard deviation 1, with features of about `grain` pixels."""
    height, width = max(2, round(shape[0] / grain)), max(2, round(shape[1] / grain))
    coarse = Image.fromarray(random.standard_normal((height, width)).astype(np.float32))
    fine = np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float32)
    deviation = float(fine.std())
    normal: Field = (fine - fine.mean()) / (deviation or 1.0)
    return normal
