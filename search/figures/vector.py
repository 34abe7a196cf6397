"""Figures as SVG and PDF: inline for a page, with what a pointer is told; as files for a paper, with real text.

Text stays text in both: it can be searched, copied and edited. The font is DejaVu Sans, which comes with Matplotlib;
SVG names others for where it is missing, first Verdana, its relative of nearly the same width.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from trainer.fonts import USUAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# For the whole process, once: Matplotlib has no other place for them, and changing them around a drawing would change
# what another thread draws. 42: TrueType, letters that an editor of PDF files knows as such; 3 would be outlines.
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["pdf.fonttype"] = 42

FAMILIES = f"'{USUAL}', Verdana, Arial, sans-serif"
HOVER = "hover:"  # begins the id of an artist that nobody sees, and that a pointer finds
UNSEEN = 0.001  # opacity; what has none at all is not painted, and a pointer does not find it
MOST_HOVERS = 400  # of a figure: 100 KB; more would make a page slow
REACH = 9.0  # points: how wide a line or a point is for a pointer


def hover_line(axes: Axes, x: Sequence[float], y: Sequence[float], text: str) -> None:
    """Has a pointer on this line, in data coordinates, be told something."""
    options = {"linewidth": REACH, "alpha": UNSEEN, "solid_capstyle": "butt", "zorder": 9.0}
    _add(axes, Line2D(x, y, **options), text)  # type: ignore[arg-type]


def hover_point(axes: Axes, x: float, y: float, text: str) -> None:
    """Has a pointer on this point be told something."""
    options = {"marker": "o", "markersize": REACH, "alpha": UNSEEN, "linestyle": "", "zorder": 10.0}
    _add(axes, Line2D([x], [y], **options), text)  # type: ignore[arg-type]


def hover_box(axes: Axes, x: float, y: float, width: float, height: float, text: str) -> None:
    """Has a pointer within this rectangle, whose lower left corner is given, be told something."""
    _add(axes, Rectangle((x, y), width, height, alpha=UNSEEN, linewidth=0, zorder=8.0), text)


def _add(axes: Axes, artist: Artist, text: str) -> None:
    drawn = axes.get_figure(root=True)
    assert drawn is not None
    if len(hovers(drawn)) < MOST_HOVERS:
        artist.set_gid(HOVER + text)
        artist.set_in_layout(False)
        artist.set_transform(axes.transData)
        artist.set_clip_on(False)
        axes.add_artist(artist)  # the limits of the axes stay as they are


def hovers(drawn: Figure) -> list[Artist]:
    """The texts that a pointer finds in a figure."""
    return [
        artist for axes in drawn.axes for artist in axes.get_children() if str(artist.get_gid() or "").startswith(HOVER)
    ]


def inline_svg(drawn: Figure, label: str, variables: Mapping[str, str]) -> str:
    """An `<svg>` element for a page: no size of its own, ids that meet no others, the page's ink.

    Args:
        drawn: a figure that is laid out.
        label: what it shows, for those who do not see it.
        variables: the page's variables that stand for colours, as `--ink`.
    """
    text, box = _svg(drawn)
    for colour, variable in variables.items():
        text = text.replace(colour, f"var({variable})")
    opening = f'<svg viewBox="{box}" role="img" aria-label="{_escaped(label)}"'
    return f'{opening} xmlns:xlink="http://www.w3.org/1999/xlink">{text}'


def svg_file(drawn: Figure, title: str, description: str) -> bytes:
    """A file of its own, with its size; the figure has nothing for pointers any more."""
    text, box = _svg(drawn)
    width, height = drawn.get_size_inches()
    size = f'width="{width:.4g}in" height="{height:.4g}in" viewBox="{box}"'
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    opening = f'<?xml version="1.0" encoding="utf-8"?>\n<svg {spaces} version="1.1" role="img" {size}>'
    about = f"<title>{_escaped(title)}</title>\n<desc>{_escaped(description)}</desc>"
    return f"{opening}\n{about}\n{text}\n".encode()


def pdf_file(drawn: Figure, title: str) -> bytes:
    """A PDF of one page, of the figure's size, the same bytes at each time."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    FigureCanvasPdf(drawn).print_pdf(buffer, metadata={**nothing, "Title": title})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _svg(drawn: Figure) -> tuple[str, str]:
    """What is within the element, with its end; and its `viewBox`."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    FigureCanvasSVG(drawn).print_svg(buffer, metadata=nothing)  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Whichever quotes stand around it: a text with one kind is within the other.
    text = re.sub(rf"<g id=([\"']){HOVER}(.*?)\1", r'<g class="hover"><title>\2</title', text)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(rf"'{USUAL}'(, '[^']*'|, [\w-]+)*(?=[;\"])", FAMILIES, text)
    text = re.sub(r"\n\s*", "\n", text)
    found = re.search(r'viewBox="([^"]+)"', text)
    return text[text.index(">") + 1 :].strip(), found[1] if found else "0 0 1 1"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
