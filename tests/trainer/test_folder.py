"""Which folder of images is meant, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer import folder
from trainer.data.layouts import allowed
from trainer.errors import DataError
from trainer.folder import resolve_data


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """An empty working folder, and a demo set that only says where it was wanted."""
    drawn: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder, "ensure_demo", drawn.append)
    return drawn


def test_a_given_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOOD_CELLS_DIR", "elsewhere")
    (tmp_path / "my cells").mkdir()
    assert resolve_data("my cells", Path("cache")) == (tmp_path / "my cells", "my cells (as given)")


def test_then_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data/blood-cells").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("BLOOD_CELLS_DIR", "mine")
    assert resolve_data(None, Path("cache")) == (tmp_path / "mine", "mine (from $BLOOD_CELLS_DIR)")


def test_then_the_usual_folder(tmp_path: Path, here: list[Path]) -> None:
    (tmp_path / "data/blood-cells").mkdir(parents=True)
    usual = tmp_path / "data/blood-cells"
    assert resolve_data(None, Path("cache")) == (usual, "data/blood-cells (the usual folder)")
    assert here == []


@pytest.mark.parametrize(
    ("given", "why"), [("demo", "as given"), (None, "no --data, no $BLOOD_CELLS_DIR, no data/blood-cells/")]
)
def test_then_the_demo_which_says_that_it_is_one(here: list[Path], given: str | None, why: str) -> None:
    found = resolve_data(given, Path("cache"))
    assert found == (Path("cache/demo"), f"the built-in demo set, drawn by code: no real cells ({why})")
    assert here == [Path("cache/demo")]


@pytest.mark.parametrize(
    ("given", "variable", "why"), [("nowhere", None, "as given"), (None, "nowhere", "from $BLOOD_CELLS_DIR")]
)
def test_a_folder_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, given: str | None, variable: str | None, why: str
) -> None:
    if variable:
        monkeypatch.setenv("BLOOD_CELLS_DIR", variable)
    with pytest.raises(DataError) as raised:
        resolve_data(given, Path("cache"))
    assert str(raised.value) == f"nowhere: no such folder ({why}); it should hold {allowed()}"
