"""Figures as files for a paper, and what they tell a pointer."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from search.answer import answer_of
from search.figures.gallery import gallery
from search.figures.style import INK, MUTED, Picture, figure, picture
from search.figures.vector import MOST_HOVERS, hover_box, hover_line, hover_point
from tests.search.answer.made import question

LEVELS = {"max": 0.6, "average": 0.35, "strided": 0.61}


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    return {one.key: one for one in gallery(answer_of(question(LEVELS, seeds=5, spread=0.02)))}


def drawn_by(hovers: int = 1) -> Picture:
    chart = figure(2)
    axes = chart.subplots()
    axes.plot([0, 1], [0, 1], color=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for n in range(hovers):
        hover_point(axes, 0.5, 0.5, f'point {n}: "5 < 6 & 7"')
    return picture("one", "A title", "A caption.", chart, finding="What it shows.")


def test_a_file_is_whole_and_its_text_is_text(pictures: dict[str, Picture]) -> None:
    for one in pictures.values():
        root = ET.fromstring(one.svg_file)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert re.fullmatch(r"[\d.]+in", root.attrib["width"])
        assert re.fullmatch(r"[\d.]+in", root.attrib["height"])
        texts = ["".join(found.itertext()).strip() for found in root.iter("{http://www.w3.org/2000/svg}text")]
        assert texts
        assert b"var(" not in one.svg_file, "a file has no page whose variables it could use"
    root = ET.fromstring(pictures["accuracy"].svg_file)
    texts = ["".join(found.itertext()).strip() for found in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"max", "average", "strided", "accuracy", "training", "100%"} <= set(texts)
    families = set(
        re.findall(r"font-family: ([^;\"]+)|font: [^;\"]*?px ([^;\"]+)", pictures["accuracy"].svg_file.decode())
    )
    assert {a or b for a, b in families} == {"'DejaVu Sans', Verdana, Arial, sans-serif"}


def test_a_file_says_what_it_shows() -> None:
    root = ET.fromstring(drawn_by().svg_file)
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "A title"
    assert root.findtext("{http://www.w3.org/2000/svg}desc") == "What it shows. A caption."


def test_a_pdf_has_letters_and_no_date(pictures: dict[str, Picture]) -> None:
    pdf = pictures["accuracy"].pdf
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf, "TrueType, not outlines"
    assert b"/Subtype /Type3" not in pdf
    assert b"CreationDate" not in pdf
    assert drawn_by().pdf == drawn_by().pdf


def test_a_page_s_figure_tells_a_pointer_its_values_and_a_file_has_nothing_for_one() -> None:
    one = drawn_by()
    assert '<g class="hover"><title>point 0: "5 &lt; 6 &amp; 7"</title>' in one.svg
    assert b"hover" not in one.svg_file
    assert b"5 &lt; 6" not in one.svg_file
    assert ET.fromstring(one.svg) is not None


def test_what_is_told(pictures: dict[str, Picture]) -> None:
    told = {key: re.findall(r"<title>([^<]*)</title>", one.svg) for key, one in pictures.items()}
    assert any(re.fullmatch(r"average pooling, testing: 3\d\.\d % \(\d+ to \d+\)", text) for text in told["accuracy"])
    assert any(re.fullmatch(r"max pooling, training, seed 3: \d\d\.\d %", text) for text in told["accuracy"])
    lower = r"average pooling: −\d+\.\d points \(−\d+ to −\d+\), lower, p &lt; 0.001"
    assert any(re.fullmatch(lower, text) for text in told["differences"])
    assert any(text.startswith("strided pooling, seed 4: ") for text in told["differences"])
    curves = [text for text in told["learning_curves"] if text.startswith("max pooling, epoch 10: ")]
    assert len(curves) == 1
    assert re.fullmatch(r"max pooling, epoch 10: training \d+\.\d %, validation \d+\.\d %", curves[0])
    assert len(told["confusion_reference"]) == 16
    assert any("eosinophil taken for lymphocyte: 40%" in text for text in told["confusion_reference"])


def test_many_values_are_not_told() -> None:
    assert drawn_by(MOST_HOVERS + 50).svg.count("<title>") == MOST_HOVERS


def test_what_a_pointer_finds_changes_no_axes() -> None:
    chart = figure(2)
    axes = chart.subplots()
    axes.plot([0, 1], [0, 1])
    before = axes.get_xlim(), axes.get_ylim()
    hover_line(axes, [0, 90], [0, 90], "far")
    hover_box(axes, -50, -50, 100, 100, "wide")
    axes.autoscale_view()
    assert (axes.get_xlim(), axes.get_ylim()) == before


def test_the_page_s_colours_are_its_own(pictures: dict[str, Picture]) -> None:
    for one in pictures.values():
        assert INK not in one.svg
        assert MUTED not in one.svg
    assert "var(--paper)" in pictures["differences"].svg, "a hollow mark is as the page"
