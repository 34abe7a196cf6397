"""A photograph of a stained blood smear, drawn by code: plasma, red cells, platelets and one white cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from trainer.data.demo.drawing import Outline, Point, Window, inside, texture
from trainer.data.demo.white_cells import NUCLEUS, Absorbance, draw_white_cell

WIDTH, HEIGHT = 320, 240  # pixels, as in the Kaggle set

_RED_CELL = np.array([0.10, 0.27, 0.30], np.float32)  # absorbances, as in `white_cells`
_PLASMA = np.array([214, 213, 207], np.float32)  # 8-bit levels of an empty place


@dataclass(frozen=True)
class _Habit:
    """What all cells of one photograph share: one slide, one stain, one focus."""

    scale: float  # a red cell's radius, pixels
    density: int  # red cells tried
    pallor: float  # how pale the middle of a red cell is
    tint: npt.NDArray[np.float32]  # factor on the absorbances of red, green and blue
    strength: float  # factor on all absorbances
    blur: float  # pixels
    noise: float  # 8-bit levels
    specks: float  # share of red cells with a refractile speck


def draw_photograph(name: str, random: np.random.Generator) -> Image.Image:
    """One photograph with a white cell of class `name` (a key of `white_cells.DRAWN`): RGB, 320x240 pixels."""
    habit = _habit(random)
    absorbance = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    center = _white_cell_place(random)
    for place in _red_cell_places(random, habit, center):
        _add_red_cell(random, absorbance, place, habit)
    for _ in range(random.poisson(3)):
        _add_platelet(random, absorbance)
    cell = draw_white_cell(name, random, center, habit.scale, WIDTH, HEIGHT)
    if cell is not None:
        under = absorbance[cell.window.rows, cell.window.columns]
        under *= 1 - 0.93 * cell.coverage[..., None]
        under += cell.absorbance
    return _expose(random, absorbance * habit.tint * np.float32(habit.strength), habit)


def _white_cell_place(random: np.random.Generator) -> Point:
    """Anywhere in the frame, more often near its middle, as a person at the microscope puts it."""
    x, y = random.normal(0.5, 0.14, 2).clip(0.1, 0.9)
    return float(x * WIDTH), float(y * HEIGHT)


def _habit(random: np.random.Generator) -> _Habit:
    return _Habit(
        scale=float(random.uniform(18, 23)),
        density=int(random.integers(16, 34)),
        pallor=float(random.beta(4.0, 2.0)),
        tint=random.normal(1, [0.14, 0.05, 0.1]).clip(0.7, 1.3).astype(np.float32),
        strength=float(random.uniform(0.85, 1.12)),
        blur=float(random.uniform(0.5, 1.3)),
        noise=float(random.uniform(2, 5)),
        specks=float(random.choice([0.0, 0.0, 0.1, 0.3])),
    )


def _red_cell_places(random: np.random.Generator, habit: _Habit, white: Point) -> list[Point]:
    """Centers of red cells: partly in chains, seldom one upon another, and off the white cell."""
    places: list[Point] = []
    for _ in range(habit.density):
        if places and random.random() < 0.45:  # beside another: a chain
            x, y = places[int(random.integers(len(places)))]
            angle, step = random.uniform(0, 2 * np.pi), habit.scale * random.uniform(1.2, 2.0)
            place = (x + float(step * np.cos(angle)), y + float(step * np.sin(angle)))
        else:
            place = (float(random.uniform(-20, WIDTH + 20)), float(random.uniform(-20, HEIGHT + 20)))
        near = min((np.hypot(place[0] - x, place[1] - y) for x, y in places), default=np.inf)
        far_from_white = np.hypot(place[0] - white[0], place[1] - white[1]) > 2.1 * habit.scale
        if near > 1.1 * habit.scale and far_from_white:
            places.append(place)
    return places


def _add_red_cell(random: np.random.Generator, absorbance: Absorbance, place: Point, habit: _Habit) -> None:
    radius = habit.scale * float(random.normal(1, 0.08))
    window = Window.around(place, radius * 1.5, WIDTH, HEIGHT)
    if window is None:
        return
    depth = Outline.random(random, place, radius, 1.35, 0.035).depth(window)
    coverage = inside((depth - 1) * radius, 0.7)
    pallor = float(np.clip(habit.pallor + random.normal(0, 0.15), 0, 0.95))
    width = random.uniform(0.35, 0.6)
    thickness = 1 - pallor * np.exp(-((depth / width) ** 4)) + 0.12 * np.exp(-(((depth - 0.8) / 0.18) ** 2))
    halo = -0.10 * np.exp(-(((depth - 1.1) / 0.05) ** 2))  # the bright line that refraction draws around a cell
    edge = 0.15 * np.exp(-(((depth - 0.97) / 0.05) ** 2))
    tone = np.float32(random.normal(1, 0.07))
    layer = ((coverage * thickness + edge + halo) * tone)[..., None] * _RED_CELL
    under = absorbance[window.rows, window.columns]
    overlap = np.clip(under[..., 1:2] / _RED_CELL[1], 0, 1) * coverage[..., None]
    under += layer * (1 - 0.85 * overlap)  # a cell pushed under another is thin there: less than the sum
    if random.random() < habit.specks:
        _add_speck(random, absorbance, place, radius)


def _add_speck(random: np.random.Generator, absorbance: Absorbance, place: Point, radius: float) -> None:
    """A drying artefact: a small bright spot with a dark rim."""
    x, y = (value + float(random.normal(0, radius * 0.3)) for value in place)
    size = float(random.uniform(1.5, 3.5))
    window = Window.around((x, y), size * 2.5, WIDTH, HEIGHT)
    if window is None:
        return
    depth = Outline.random(random, (x, y), size, 1.8, 0.12).depth(window)
    spot = 0.35 * np.exp(-(((depth - 1.2) / 0.35) ** 2)) - 0.45 * inside((depth - 0.9) * size, 0.5)
    absorbance[window.rows, window.columns] += spot[..., None].astype(np.float32)


def _add_platelet(random: np.random.Generator, absorbance: Absorbance) -> None:
    place = (float(random.uniform(0, WIDTH)), float(random.uniform(0, HEIGHT)))
    size = float(random.uniform(2.0, 5.0))
    window = Window.around(place, size * 2.5, WIDTH, HEIGHT)
    if window is None:
        return
    depth = Outline.random(random, place, size, 1.5, 0.1).depth(window)
    grain = np.clip(0.7 + 0.4 * texture(random, depth.shape, 2.0), 0.1, 1.4)
    layer = inside((depth - 1) * size, 0.9) * grain * np.float32(random.uniform(0.3, 0.8))
    absorbance[window.rows, window.columns] += layer[..., None] * NUCLEUS


def _expose(random: np.random.Generator, absorbance: Absorbance, habit: _Habit) -> Image.Image:
    """The photograph of these absorbances: what light, lens and sensor make of them."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    slope = random.normal(0, 0.03, 2)
    light = 1 + slope[0] * x + slope[1] * y - random.uniform(0, 0.06) * (x * x + y * y)
    light += 0.006 * texture(random, (HEIGHT, WIDTH), 40.0)
    plasma = _PLASMA * random.normal(1, 0.02) * random.normal(1, [0.02, 0.015, 0.025])
    levels = plasma.astype(np.float32) * light[..., None] * np.exp(-absorbance)
    sharp = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    blurred = np.asarray(sharp.filter(ImageFilter.GaussianBlur(habit.blur)), np.float32)
    shared = random.standard_normal((HEIGHT, WIDTH, 1), np.float32)
    own = random.standard_normal((HEIGHT, WIDTH, 3), np.float32)
    return Image.fromarray((blurred + habit.noise * (shared + own / 2)).clip(0, 255).astype(np.uint8))
