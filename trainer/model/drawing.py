"""A model for people: its layers as rows, as a table in the terminal and as a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from rich.table import Table

from trainer.config import TrainConfig
from trainer.model.build import layer_flops, layer_parameters
from trainer.model.layers import ClassNames
from trainer.vocabulary import AUGMENTATIONS, HEADS, NORMALIZATIONS, POOLINGS

# The colour of a box says what its layer is for: colour-blind safe, after P. Tol, "Colour Schemes", 2021.
_POOLING, _NORMALIZATION, _IN_TRAINING, _OTHER = "#99ddff", "#bbcc33", "#ffaabb", "#dddddd"
# The layers that every model has. What the others are called stands in the tables of `trainer.vocabulary`.
KINDS = {
    "InputLayer": ("pixels, 0-255", "#dddddd"),
    "Rescaling": ("divided by 255", "#dddddd"),
    "Conv2D": ("convolution", "#77aadd"),
    "ReLU": ("ReLU", "#eedd88"),
    "Dense": ("dense", "#ee8866"),
    "Dropout": ("dropout", "#ffaabb"),
}
_BLOCK = re.compile(r"(?!dense_).*_(\d)$")
_WIDTH, _HEIGHT, _LINE, _GAP, _AISLE, _TOP = 2.0, 1.05, 0.24, 0.28, 0.45, 0.5  # inches


@dataclass(frozen=True)
class Row:
    """What the picture of a model says of a layer.

    Attributes:
        name: in the model.
        kind: in words.
        shape: of the output of one image, such as "60 × 80 × 16".
        parameters: weights.
        flops: floating-point operations an image.
        color: of its box.
        column: of the picture: "input", "block 1" ..., "head".
    """

    name: str
    kind: str
    shape: str
    parameters: int
    flops: int
    color: str
    column: str


def rows(model: Any, config: TrainConfig) -> list[Row]:
    """The layers of a model of `build`, in their order. The layer that only carries the class names is left out."""
    named = _named(config)
    found: list[Row] = []
    for layer in model.layers:
        if isinstance(layer, ClassNames):
            continue
        block = _BLOCK.match(layer.name)
        column = f"block {block[1]}" if block else "head" if found and found[-1].column != "input" else "input"
        kind, color = named.get(layer.name) or _common(layer)
        shape = " × ".join(str(size) for size in layer.output.shape[1:])
        found.append(Row(layer.name, kind, shape, layer_parameters(layer), layer_flops(layer), color, column))
    return found


def _named(config: TrainConfig) -> dict[str, tuple[str, str]]:
    """What the vocabularies call the layers that they make, and the colours of their boxes, by the layers' names."""
    augmentation, normalization = AUGMENTATIONS[config.augmentation], NORMALIZATIONS[config.normalization]
    named = {config.head: (HEADS[config.head].drawn, _OTHER)}
    for layer, drawn in zip(augmentation.layers(), augmentation.drawn, strict=True):
        named[layer.__name__.removeprefix("Random").lower()] = (drawn, _IN_TRAINING)
    for block in range(1, config.depth + 1):
        named[f"pool_{block}"] = (POOLINGS[config.pooling].drawn, _POOLING)
        named[f"{normalization.layer}_{block}"] = (normalization.drawn, _NORMALIZATION)
    return named


def _common(layer: Any) -> tuple[str, str]:
    kind, color = KINDS[type(layer).__name__]
    if type(layer).__name__ in ("Conv2D", "Dense"):
        size = f" {layer.kernel_size[0]}×{layer.kernel_size[1]}" if hasattr(layer, "kernel_size") else ""
        relu = ", ReLU" if layer.activation.__name__ == "relu" else ""
        kind = f"{kind}{size}{relu}"
    elif type(layer).__name__ == "Dropout":
        kind = f"dropout {layer.rate:g}, in training"
    return kind, color


def table(layers: Sequence[Row], title: str) -> Table:
    """A table with a row for each layer, and the totals."""
    result = Table(title=title, show_footer=True)
    result.add_column("layer", "total")
    result.add_column("kind")
    for name, total in (("output shape", ""), ("parameters", _parameters(layers)), ("FLOPs an image", _flops(layers))):
        result.add_column(name, total, justify="right")
    for row in layers:
        numbers = (f"{n:,}" if n else "" for n in (row.parameters, row.flops))
        result.add_row(row.name, row.kind, row.shape, *numbers)
    return result


def _parameters(layers: Sequence[Row]) -> str:
    return f"{sum(row.parameters for row in layers):,}"


def _flops(layers: Sequence[Row]) -> str:
    return f"{sum(row.flops for row in layers):,}"


def picture(layers: Sequence[Row], title: str) -> Figure:
    """A column a block, read from top to bottom and from left to right."""
    columns = list(dict.fromkeys(row.column for row in layers))
    members = {name: [row for row in layers if row.column == name] for name in columns}
    longest = max(len(group) for group in members.values())
    width = len(columns) * (_WIDTH + _AISLE) + _AISLE
    height = longest * (_HEIGHT + _GAP) + 2 * _TOP + 0.1
    figure = Figure(figsize=(width, height), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    axes.text(_AISLE, 0.6 * _TOP, title, fontsize=13, fontweight="bold", va="center")
    last: tuple[float, float] | None = None
    for place, name in enumerate(columns):
        left = _AISLE + place * (_WIDTH + _AISLE)
        axes.text(left + _WIDTH / 2, 1.55 * _TOP, name, fontsize=11, color="#555555", ha="center", va="center")
        for step, row in enumerate(members[name]):
            top = 2 * _TOP + step * (_HEIGHT + _GAP)
            _box(axes, row, left, top)
            if step:
                _arrow(axes, [(left + _WIDTH / 2, top - _GAP), (left + _WIDTH / 2, top)])
            elif last:
                aisle = left - _AISLE / 2
                below, above = last[1] + _HEIGHT / 2, top + _HEIGHT / 2
                _arrow(axes, [(last[0] + _WIDTH, below), (aisle, below), (aisle, above), (left, above)])
            last = (left, top)
    return figure


def _box(axes: Axes, row: Row, left: float, top: float) -> None:
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((left, top), _WIDTH, _HEIGHT, shape, facecolor=row.color, edgecolor="#333333"))
    middle = left + _WIDTH / 2
    lines = [row.kind, row.shape] + [f"{row.parameters:,} parameters"] * bool(row.parameters)
    first = top + _HEIGHT / 2 - len(lines) * _LINE / 2
    axes.text(middle, first, row.name, fontsize=11, fontweight="bold", ha="center", va="center")
    for number, line in enumerate(lines, start=1):
        axes.text(middle, first + number * _LINE, line, fontsize=9.5, ha="center", va="center")


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    for (x0, y0), (x1, y1) in pairwise(points[:-1]):
        axes.plot([x0, x1], [y0, y1], color="#333333", linewidth=1.2, solid_capstyle="round")
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "color": "#333333", "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(points[-2], points[-1], linewidth=1.2, **style))


def draw(model: Any, config: TrainConfig, title: str, path: Path) -> Table:
    """Writes the picture of the model of a config as a PNG file, and gives its table.

    Raises:
        OSError: the file cannot be written.
    """
    layers = rows(model, config)
    path.parent.mkdir(parents=True, exist_ok=True)
    totals = f"{_parameters(layers)} parameters, {_flops(layers)} FLOPs an image"
    picture(layers, f"{title}: {totals}").savefig(path, format="png")
    return table(layers, title)
