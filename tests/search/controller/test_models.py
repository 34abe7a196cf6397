"""Models that come by a slot's pipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.controller.models import IncomingModel
from trainer.events import Model
from trainer.pipe import PART_BYTES, model_parts

CONTENT = bytes(index % 249 for index in range(2 * PART_BYTES + 17))


@pytest.fixture
def parts(tmp_path: Path) -> list[Model]:
    file = tmp_path / "there" / "t.keras"
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    return list(model_parts("t", file))


def received(folder: Path, parts: list[Model]) -> tuple[str, list[str]]:
    """What is said of it, and the files that are there afterwards."""
    incoming = IncomingModel(folder, "t")
    for part in parts:
        incoming.add(part)
    problem = incoming.accept()
    return problem, sorted(path.name for path in folder.glob("*"))


def test_a_whole_model_becomes_a_file(tmp_path: Path, parts: list[Model]) -> None:
    assert received(tmp_path / "models", parts) == ("", ["t.keras"])
    assert (tmp_path / "models" / "t.keras").read_bytes() == CONTENT


def test_a_model_is_no_file_before_it_counts(tmp_path: Path, parts: list[Model]) -> None:
    incoming = IncomingModel(tmp_path / "models", "t")
    for part in parts:
        incoming.add(part)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".t.partial.keras"]
    incoming.drop()
    assert list((tmp_path / "models").iterdir()) == []


def test_a_part_that_is_missing(tmp_path: Path, parts: list[Model]) -> None:
    assert received(tmp_path, [parts[0], parts[2]])[0] == "part 2 of t.keras came in the place of 1"
    problem, files = received(tmp_path / "models", parts[:2])
    assert problem.startswith(f"{2 * PART_BYTES} bytes of {len(CONTENT)} came, SHA-256 ")
    assert files == []


def test_a_part_that_is_damaged(tmp_path: Path, parts: list[Model]) -> None:
    damaged = parts[1].model_copy(update={"data": "AAAA" + parts[1].data[4:]})
    problem, files = received(tmp_path / "models", [parts[0], damaged, parts[2]])
    assert problem.startswith(f"{len(CONTENT)} bytes of {len(CONTENT)} came, SHA-256 ")
    assert files == []
    assert received(tmp_path / "models", [parts[0].model_copy(update={"data": "%"})])[0].startswith(
        "part 0 is damaged: "
    )


def test_a_file_of_another_name_is_refused(tmp_path: Path, parts: list[Model]) -> None:
    elsewhere = [part.model_copy(update={"file": "../../t.keras"}) for part in parts]
    assert received(tmp_path / "models", elsewhere) == ("part 0 of ../../t.keras came in the place of 0", [])


def test_no_part_at_all(tmp_path: Path) -> None:
    assert received(tmp_path / "models", [])[0] == "no part of it came"
