"""Names in any script in figures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from tests.trainer.data.sets import write_set
from trainer import fonts
from trainer.data.audit.audit import audit
from trainer.data.audit.pictures import draw_frequencies, draw_samples
from trainer.events import SplitMeasures
from trainer.fonts import USUAL, make_readable, substituted

MIDDLE, BLOOD = "中", "血"


def font(path: Path, letters: str, name: str) -> Path:
    """A font whose letters are full squares."""
    pen = TTGlyphPen(None)
    for at, point in enumerate(((0, 0), (0, 1000), (1000, 1000), (1000, 0))):
        (pen.lineTo if at else pen.moveTo)(point)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    builder = FontBuilder(1000)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture(autouse=True)
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Matplotlib's own fonts alone, whatever this machine has."""
    own = [entry for entry in font_manager.fontManager.ttflist if entry.name.startswith(("DejaVu", "Last Resort"))]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    fonts._found.cache_clear()
    yield
    fonts._found.cache_clear()


def drawn(*names: str, title: str = "") -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(5, 4))
    axes = figure.subplots()
    axes.set_xticks(range(len(names)), names)
    axes.set_title(title)
    make_readable(figure)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return figure, np.asarray(Image.open(file).convert("L"))


def ticks(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


@pytest.mark.parametrize(
    ("text", "missing", "wanted"),
    [
        ("中性", "中性", "U+4E2D 6027"),
        ("A中B", "中", "A U+4E2D B"),
        ("A 中 性", "中性", "A U+4E2D U+6027"),
        ("plain", "中", "plain"),
        ("]^-", "]^-", "U+005D 005E 002D"),
        ("plain", "", "plain"),
    ],
)
def test_numbers_stand_for_letters(text: str, missing: str, wanted: str) -> None:
    assert substituted(text, frozenset(missing)) == wanted


def test_long_names_are_broken_where_they_stand_next_to_each_other() -> None:
    assert substituted("中性粒细胞", frozenset("中性粒细胞"), line_break=True) == "U+4E2D 6027\n7C92 7EC6\n80DE"


def test_without_a_font_numbers_are_drawn_and_nothing_is_warned_of() -> None:
    """Warnings are errors in tests."""
    figure, _ = drawn(MIDDLE, BLOOD, "Ω", "Ж", "ü", title=f"of {BLOOD} and $a^")
    assert ticks(figure) == ["U+4E2D", "U+8840", "Ω", "Ж", "ü"]
    assert figure.axes[0].get_title() == "of U+8840 and $a^"


def test_a_font_of_the_machine_that_has_the_letters(tmp_path: Path) -> None:
    _, without = drawn(MIDDLE, "plain")
    font_manager.fontManager.addfont(font(tmp_path / "middle.ttf", MIDDLE, "Squares"))
    fonts._found.cache_clear()
    figure, pixels = drawn(MIDDLE, "plain")
    assert ticks(figure) == [MIDDLE, "plain"]
    families = [label.get_fontfamily() for label in figure.axes[0].get_xticklabels()]
    assert families[0] == [USUAL, "Squares"]
    assert not np.array_equal(pixels, without)
    below = pixels[-45:, 60:110]  # the square below the axis
    assert (below < 60).sum() > 80


def test_letters_that_no_font_has_beside_letters_that_one_has(tmp_path: Path) -> None:
    font_manager.fontManager.addfont(font(tmp_path / "middle.ttf", MIDDLE, "Squares"))
    figure, _ = drawn(MIDDLE + BLOOD)
    assert ticks(figure) == [f"{MIDDLE} U+8840"]


def test_wide_fonts_come_first(tmp_path: Path) -> None:
    for name in ("Another", "Noto Sans CJK SC"):
        font_manager.fontManager.addfont(font(tmp_path / f"{name}.ttf", MIDDLE, name))
    assert fonts._found(frozenset(MIDDLE)) == (("Noto Sans CJK SC",), frozenset())


def test_a_font_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    path = font(tmp_path / "middle.ttf", MIDDLE, "Squares")
    font_manager.fontManager.addfont(path)
    path.write_bytes(b"gone")
    figure, _ = drawn(MIDDLE)
    assert ticks(figure) == ["U+4E2D"]


@pytest.mark.parametrize("draw", [draw_frequencies, draw_samples])
def test_the_audit_s_pictures(tmp_path: Path, draw: object) -> None:
    root = write_set(tmp_path / "血液", classes=("中性粒细胞", "лимфоцит", "ลิมโฟไซต์"))
    draw(audit(root, tmp_path / "cache"), tmp_path / "picture.png")  # type: ignore[operator]
    with Image.open(tmp_path / "picture.png") as image:
        assert image.width > 800


def test_the_search_s_pictures() -> None:
    from search.figures import style
    from search.figures.trial import confusion_matrix

    recall: list[float | None] = [0.75, 1.0]
    measures = SplitMeasures(accuracy=0.9, loss=0.3, macro_f1=0.9, recall=recall, confusion=[[3, 1], [0, 4]], photos=[])
    assert confusion_matrix(measures, ["中性粒细胞", "лимфоцит"], "test of 血液").startswith(b"\x89PNG")
    figure = style.figure(3)
    figure.subplots().set_yticks(range(2), ["中性粒细胞", "лимфоцит"])
    assert style.picture("key", "title", "caption", figure).svg.startswith("<svg")
