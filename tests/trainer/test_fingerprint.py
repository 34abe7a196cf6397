"""The fingerprint of the trainer's code."""

from __future__ import annotations

from pathlib import Path

import trainer
from trainer.fingerprint import code_files, code_fingerprint


def package(folder: Path, **files: str) -> Path:
    (folder / "data").mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name.replace('__', '/')}.py").write_text(text)
    return folder


def test_it_is_of_names_and_contents(tmp_path: Path) -> None:
    first = package(tmp_path / "a", fit="x = 1", data__demo="")
    same = package(tmp_path / "b", fit="x = 1", data__demo="")
    (same / "fit.pyc").write_text("compiled")
    others = [
        package(tmp_path / "c", fit="x = 2", data__demo=""),
        package(tmp_path / "d", fit="x = 1", data__other=""),
        package(tmp_path / "e", fit="x = 1"),
        package(tmp_path / "f", fit="x =", data__demo=" 1"),
    ]
    assert code_fingerprint(first) == code_fingerprint(same)
    assert len({code_fingerprint(folder) for folder in (first, *others)}) == 5


def test_ours_is_of_every_file() -> None:
    assert set(code_files()) == {
        path.relative_to(Path(trainer.__file__).parent).as_posix()
        for path in Path(trainer.__file__).parent.rglob("*.py")
    }
    assert len(code_fingerprint()) == 16
