"""Names in any script in Matplotlib's figures: a font of this machine that has their letters, else a clear substitute.

Matplotlib's own font, DejaVu Sans, has Latin, Greek, Cyrillic, Arabic and some more; no Chinese, Japanese or Korean.
Where no font of the machine has a letter, its Unicode number stands for it, U+4E2D, so that two names stay two names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import Formatter, FuncFormatter

from trainer.environment import reset_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

reset_matplotlib()  # whatever draws imports this module

USUAL = "DejaVu Sans"  # comes with Matplotlib
# Fonts that cover many scripts, looked at before the others: those of Linux distributions, Windows and macOS.
WIDE = (
    "Noto Sans CJK",
    "Source Han Sans",
    "WenQuanYi",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "PingFang",
    "Unifont",
)


def make_readable(figure: Figure) -> None:
    """Gives every text of a figure fonts that have its letters, or other letters; call it before the figure is drawn.

    Nothing changes where the usual font has all letters. No state of Matplotlib is touched: any thread may draw.
    """
    texts = _texts(figure)
    strange = frozenset(letter for text in texts for letter in text.get_text()) - _letters(_usual_file())
    strange = frozenset(letter for letter in strange if letter.isprintable() and not letter.isspace())
    if not strange:
        return
    families, missing = _found(strange)
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if missing & frozenset(letter for label in axis.get_ticklabels() for letter in label.get_text()):
            usual = axis.get_major_formatter()  # ticks take their text from here whenever they are drawn
            axis.set_major_formatter(FuncFormatter(partial(_formatted, usual, missing)))
    for text in texts:
        if strange & frozenset(text.get_text()):
            text.set_text(substituted(text.get_text(), missing))
            text.set_fontfamily([USUAL, *families])


def _formatted(usual: Formatter, missing: frozenset[str], value: float, place: int | None) -> str:
    return substituted(usual(value, place), missing, line_break=True)


def substituted(text: str, missing: Collection[str], *, line_break: bool = False) -> str:
    """The text with the numbers of letters in place of those in `missing`: "U+8840 6DB2".

    `line_break` begins a new line behind every second number, for names that stand next to each other.
    """

    between = "\n" if line_break else " "

    def numbers(run: re.Match[str]) -> str:
        words = [f"{ord(letter):04X}" for letter in run[0]]
        pairs = [" ".join(words[at : at + 2]) for at in range(0, len(words), 2)]
        left = " " if run.start() and not text[run.start() - 1].isspace() else ""
        right = " " if run.end() < len(text) and not text[run.end()].isspace() else ""
        return f"{left}U+{between.join(pairs)}{right}"

    return re.sub(f"[{re.escape(''.join(sorted(missing)))}]+", numbers, text) if missing else text


def _texts(figure: Figure) -> list[Text]:
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # makes them
    return [text for text in figure.findobj(Text) if isinstance(text, Text)]


@lru_cache(maxsize=64)
def _found(strange: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Families that have these letters, as few as come first, and the letters that none has."""
    families: list[str] = []
    left = strange
    for name, file in _fonts():
        if not left:
            break
        if had := left & _letters(file):
            families.append(name)
            left -= had
    return tuple(families), left


def _fonts() -> Iterator[tuple[str, str]]:
    """Family and file of every upright font, the wide ones first, then in the order of their names."""
    upright = {
        font.name: font.fname
        for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (font.weight != 400, font.fname))[::-1]
        if font.style == "normal" and "lastresort" not in font.name.lower().replace(" ", "")  # boxes for all letters
    }
    wide = [name for start in WIDE for name in sorted(upright) if name.startswith(start)]
    yield from ((name, upright[name]) for name in dict.fromkeys([*wide, *sorted(upright)]))


@cache
def _letters(file: str) -> frozenset[str]:
    """The letters that a font has; none where it cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(file).get_charmap()))
    except (OSError, RuntimeError, ValueError):
        return frozenset()


@cache
def _usual_file() -> str:
    return font_manager.findfont(USUAL)
