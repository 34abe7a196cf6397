from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.data.photographs.scenes import find, scene, turned, write
from trainer.data.photographs import extraction, finder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "a set", {f"{n}-{turn}.jpeg": turned(scene(n), turn) for n in range(3) for turn in (0, 30)})


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files that were decoded."""
    names: list[str] = []
    features = extraction._features

    def watched(path: Path, memory_limit: int | None) -> Any:
        names.append(path.name)
        return features(path, memory_limit)

    monkeypatch.setattr(extraction, "_features", watched)
    return names


def test_the_same_list_is_not_looked_at_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find(folder, store=tmp_path / "store")
    monkeypatch.setattr(finder, "_find", None)  # looking again would fail
    assert find(folder, store=tmp_path / "store") == first
    assert find(folder, sorted(os.listdir(folder), reverse=True), store=tmp_path / "store").groups == first.groups


def test_only_new_files_are_decoded(folder: Path, tmp_path: Path, decoded: list[str]) -> None:
    find(folder, store=tmp_path / "store")
    assert sorted(decoded) == sorted(os.listdir(folder))
    decoded.clear()
    write(folder, {"new.jpeg": turned(scene(1), -50)})
    shutil.copy(folder / "0-0.jpeg", folder / "renamed.jpeg")
    found = find(folder, store=tmp_path / "store")
    assert decoded == ["new.jpeg"]
    assert found.groups == (0, 0, 1, 1, 2, 2, 1, 0)
    assert found == find(folder)


def test_an_interrupted_run_keeps_what_it_did(
    folder: Path, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 2)
    monkeypatch.setattr("trainer.data.photographs.candidates.propose", None)
    with pytest.raises(TypeError):
        find(folder, store=tmp_path / "store")
    assert len(list((tmp_path / "store").glob("photographs-features-*.npz"))) == 3
    monkeypatch.undo()
    before = len(decoded)
    assert find(folder, store=tmp_path / "store").photographs == 3
    assert len(decoded) == before


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "bit"])
def test_what_is_damaged_is_made_again(folder: Path, tmp_path: Path, decoded: list[str], damage: str) -> None:
    store = tmp_path / "store"
    first = find(folder, store=store)
    for path in store.iterdir():
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes({
            "cut": whole[:middle],
            "empty": b"",
            "text": b'{"result": 3, "check": ""}',
            "bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        }[damage])  # fmt: skip
    decoded.clear()
    assert find(folder, store=store) == first
    assert len(decoded) == 6
    decoded.clear()
    assert find(folder, store=store) == first
    assert not decoded


def test_a_result_that_does_not_fit_is_not_believed(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = find(folder, store=store)
    (path,) = store.glob("photographs-1-*.json")
    kept = json.loads(path.read_text())
    kept["result"]["groups"] = [0] * 6
    path.write_text(json.dumps(kept))
    assert find(folder, store=store) == first


def test_a_folder_that_cannot_be_written_is_done_without(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert find(folder, store=tmp_path / "file" / "store").photographs == 3
    assert (tmp_path / "file").read_text() == "in the way"


def test_nothing_unfinished_is_left(folder: Path, tmp_path: Path) -> None:
    find(folder, store=tmp_path / "store")
    assert sorted(path.suffix for path in (tmp_path / "store").iterdir()) == [".json", ".npz"]
