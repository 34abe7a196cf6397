from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.answer import StoredStudy, answer_of
from search.answer.measure_table import MEASURES
from search.figures.in_process import DrawingError
from search.pages import publish
from tests.search.answer.made import question
from tests.search.fabricate import note_trials

LEVELS = {"max": 0.6, "blur": 0.5}


def on_disk(folder: Path) -> StoredStudy:
    """A study whose journals are there, and the records as they are read."""
    made = question(LEVELS)
    return replace(made, folder=folder, records=note_trials(folder, made.records))


def lasting(page: bytes) -> str:
    """Without the time and the names that matplotlib gives to parts of a drawing."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d|\b[mp][0-9a-f]{10}\b", "", page.decode())


def test_another_process_draws_what_this_one_would(tmp_path: Path, said: list[str]) -> None:
    recorded = on_disk(tmp_path / "a study")
    try:
        files = publish.draw(answer_of(recorded), tmp_path, said.append)
    finally:
        publish.DRAWING.close()
    here = publish.files_of_folder(recorded, publish.names())
    assert files.keys() == here.keys()
    for name, content in files.items():
        same = lasting(content) == lasting(here[name]) if name.endswith((".html", ".svg")) else content == here[name]
        assert same, name
    assert "figures/accuracy.png" in files
    assert said == ["Drawing the answer ..."]


class Unable:
    def call(self, *_: Any) -> Any:
        raise DrawingError("no memory")


@pytest.fixture
def said() -> list[str]:
    return []


def test_a_process_that_cannot_draw_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, said: list[str]
) -> None:
    monkeypatch.setattr(publish, "DRAWING", Unable())
    with caplog.at_level(logging.WARNING):
        files = publish.draw(answer_of(replace(question(LEVELS), folder=tmp_path)), tmp_path, said.append)
    assert caplog.messages == ["the answer is drawn in this process: no memory"]
    assert "figures/accuracy.png" in files
    assert (tmp_path / "answer.html").read_bytes() == files["answer.html"]
    assert said == ["Drawing the answer ..."]


def test_what_only_this_process_knows_is_drawn_in_it(tmp_path: Path, said: list[str]) -> None:
    recorded = on_disk(tmp_path)
    with MEASURES.registered("mine", replace(MEASURES["accuracy"], words="a measure of mine")):
        files = publish.draw(answer_of(recorded), tmp_path, said.append)
        publish.DRAWING.close()
    assert "a measure of mine" in files["answer.html"].decode()
