"""The list of studies on terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from search.list import Row, _print

LONG = "a_question_about_augmentation_in_the_second_laboratory-quick-12"


@pytest.mark.parametrize("width", [20, 60, 100, 200])
def test_names_are_whole_in_any_width(width: int) -> None:
    facts = {"trials": "20", "complete": "19", "failed": "1", "state": "finished", "owner": "ada", "where": "Optuna"}
    rows = [Row(name=name, **facts, question="Which?") for name in ("pooling", LONG)]
    shown = Console(file=io.StringIO(), width=width)
    _print(rows, "Studies", shown)
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    for row in rows:
        assert row.name in text, "what is copied from here into a command is the name"
    assert text.count("finished") == 2
