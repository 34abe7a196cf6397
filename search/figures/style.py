"""How figures look: one width that is readable on a phone, ink that follows the page's light and dark.

Matplotlib's object API without pyplot, which keeps global state: any thread may draw.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import Bbox

from search.figures.vector import hovers, inline_svg, pdf_file, svg_file
from trainer.fonts import make_readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind people, on white and on black.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
# Stand for the page's own colours: in SVG they are replaced by its variables.
INK, MUTED, GRID = "#1b1f23", "#5c6672", "#d9dee4"
PAPER = "#ffffff"
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"}
SPLIT_COLORS = {"train": BLUE, "val": VERMILLION, "test": GREEN}
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "testing"}

WIDTH_IN = 5.2  # drawn at 343 pixels, a phone's, its 10 point letters are 9 pixels high
SIZE, SMALL = 10.5, 9.0  # points
# Of a name beside its point, from the best: points to the right, points up, and which end of the name is there.
LABEL_PLACES = [
    (side * 6, rise, "left" if side > 0 else "right") for rise in (3, -11, 14, -22, 25, -33, 36) for side in (1, -1)
]
DPI = 160
COUNTED_CLASSES = 12  # with more, the counts of a confusion matrix no longer fit into its cells


@dataclass(frozen=True)
class Picture:
    """A figure in every form.

    Attributes:
        key: names its files.
        title: in a few words.
        caption: what is drawn, and what to look for.
        svg: an element for the page, in the page's colours.
        svg_file: for a paper, with text that can be edited.
        pdf: for a paper.
        png: for everything else.
        wide: whether it takes the page's whole width.
    """

    key: str
    title: str
    caption: str
    svg: str
    svg_file: bytes
    pdf: bytes
    png: bytes
    wide: bool = False


def figure(height_in: float, width_in: float = WIDTH_IN) -> Figure:
    """An empty figure without background."""
    return Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")


def picture(key: str, title: str, caption: str, drawn: Figure, *, finding: str = "", wide: bool = False) -> Picture:
    """The figure in every form; `finding` is what it shows, in words, for those who do not see it."""
    make_readable(drawn)
    drawn.draw_without_rendering()  # lays it out, once for all
    drawn.set_layout_engine("none")
    drawn.set_facecolor("none")
    words = " ".join(filter(None, (finding, caption)))
    inline = inline_svg(drawn, f"{title}. {words}", VARIABLES)
    for artist in hovers(drawn):
        artist.remove()
    file, pdf = svg_file(drawn, title, words), pdf_file(drawn, title)
    drawn.set_facecolor("white")
    drawn.set_dpi(DPI)  # the SVG took 72
    return Picture(key, title, caption, inline, file, pdf, png(drawn), wide)


def png(drawn: Figure) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    FigureCanvasAgg(drawn).print_png(buffer)  # type: ignore[no-untyped-call]  # `savefig` would draw twice
    return buffer.getvalue()


def bare(axes: Axes, *, grid: str | None = "y", keep: Sequence[str] = ("left", "bottom")) -> None:
    """Axes without what carries no information."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
        spine.set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=SMALL, length=3)
    axes.xaxis.label.set(color=INK, fontsize=SIZE)
    axes.yaxis.label.set(color=INK, fontsize=SIZE)
    axes.set_facecolor("none")
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.7)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def in_percent(axes: Axes, axis: str = "y") -> None:
    """Has an axis show shares as per cent."""
    getattr(axes, f"{axis}axis").set_major_formatter(PercentFormatter(1, decimals=0))


def legend(drawn: Figure, axes: Axes, columns: int = 3) -> None:
    """Draws the legend above the axes, without a frame."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        options: dict[str, Any] = {"frameon": False, "fontsize": SMALL, "labelcolor": INK, "ncols": columns}
        drawn.legend(handles, labels, loc="outside upper left", **options)


def label_points(drawn: Figure, axes: Axes, points: Sequence[tuple[float, float, str, bool]]) -> None:
    """Names beside points, each where it meets no other name and no point; in data coordinates, the last says whether
    in bold.
    """
    drawn.draw_without_rendering()  # where points stand is known only then
    size = 7.0 * drawn.dpi / 72  # of a point, pixels
    taken = []
    for x, y, _, _ in points:
        left, below = axes.transData.transform((x, y)) - size / 2
        taken.append(Bbox.from_bounds(left, below, size, size))
    for x, y, name, bold in points:
        text = axes.annotate(name, (x, y), textcoords="offset points", xytext=(0, 0), fontsize=SMALL, color=INK)
        text.set(parse_math=False, fontweight="bold" if bold else "normal")
        tried = []
        for dx, dy, side in LABEL_PLACES:
            text.set(position=(dx, dy), ha=side)
            box = text.get_window_extent()
            tried.append((Bbox.count_overlaps(box, taken), (dx, dy), side, box))
            if not tried[-1][0]:
                break
        _, place, side, box = min(tried, key=lambda one: one[0])
        text.set(position=place, ha=side)
        taken.append(box)


def line_of_chance(axes: Axes, chance: float) -> None:
    """A dashed line where guessing lands."""
    axes.axhline(chance, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    axes.annotate("chance", (1, chance), (3, -3), ha="left", fontsize=SMALL - 1, color=MUTED, **place)
