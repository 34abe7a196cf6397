"""What is printed and recorded in the container of `docker compose run --rm search`, for the host."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from trainer.outside import files_note, typed, typed_line

OURS = re.compile(r"python -m (?:search\.|trainer\.data).*")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def in_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_OUTSIDE", "docker compose run --rm")
    monkeypatch.setenv("SEARCH_OUTSIDE_RUNS", "cells_runs")


def test_here_a_command_stands_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARCH_OUTSIDE", raising=False)
    assert typed("search.list") == "python -m search.list"
    assert typed_line("search.run", ["--study", "my study.toml"]) == "python -m search.run --study 'my study.toml'"
    assert files_note("/runs") == ""


@pytest.mark.usefixtures("in_container")
def test_in_the_container_a_command_is_the_hosts() -> None:
    assert typed_line("search.run", ["--study", "pooling"]) == "docker compose run --rm search --study pooling"
    entrypoint = re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile.gpu").read_text(), flags=re.MULTILINE)[-1]
    _, _, module, *given = json.loads(entrypoint)
    assert typed_line(module, [*given, "--study", "a b"]) == "docker compose run --rm search --study 'a b'"
    assert typed("search.best", "--study", "joint") == (
        'docker compose run --rm --entrypoint "python -m search.best" search --study joint'
    )
    assert files_note("/runs") == (
        "/runs is the volume cells_runs. To take a file out of it: docker compose run --rm --no-TTY --entrypoint cat "
        "search FILE > COPY"
    )


def test_no_command_is_printed_that_a_container_could_not_change() -> None:
    """Strings of the code, docstrings aside, name our commands by `typed`."""
    found = []
    for file in sorted(path for top in ("search", "trainer") for path in (ROOT / top).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documented = [
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documented:
                found += [f"{file.relative_to(ROOT)}: {line}" for line in OURS.findall(node.value)]
    allowed = ("search/stores/mlflow/contents.py", "search/stack/folder.py", "trainer/data/")  # names of programs
    assert [line for line in found if not line.startswith(allowed)] == []
