from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

from tests.trainer.data.sets import write_set
from trainer.data.__main__ import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "my 'own' cells")


def test_audit(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "out folder"
    assert main(["audit", str(root), "--cache", str(root.parent / "cache"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.endswith(
        f"Usable.\nClass frequencies: {out}/class_frequencies.png\nSample images: {out}/sample_images.png\n"
        f"Photographs: {out}/photographs.png\n"
    )
    for name in ("class_frequencies", "sample_images", "photographs"):
        with Image.open(out / f"{name}.png") as image:
            image.load()


def test_audit_writes_to_runs_unless_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["audit", str(root)]) == 0
    assert len(list((tmp_path / "runs" / "audit" / root.name).glob("*.png"))) == 3


def test_audit_of_a_spoiled_folder(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "TRAIN" / "EOSINOPHIL" / "empty.png").write_bytes(b"")
    assert main(["audit", str(root), "--cache", str(root.parent / "cache"), "--out", str(tmp_path / "out")]) == 1
    assert "Not usable as it is: 1 problem.\n" in capsys.readouterr().out


def test_audit_of_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert said.err == (
        f"python -m trainer.data audit: {tmp_path}/none does not exist; it should hold "
        "TRAIN/<CLASS>/ and TEST/<CLASS>/ with images, or a folder of images for each class, or a labels.csv with the "
        "columns file and label.\n"
    )
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_audit_into_a_file(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("x")
    assert main(["audit", str(root), "--cache", str(root.parent / "cache"), "--out", str(tmp_path / "out")]) == 2
    assert "The pictures cannot be written to" in capsys.readouterr().err


def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.data.demo.demo._draw", lambda drawn, *_: write_marker(drawn))
    folder = tmp_path / "demo"
    assert main(["demo", str(folder)]) == 0
    assert main(["demo", str(folder)]) == 0
    assert capsys.readouterr().out == (f"The demo set is drawn: {folder}\nThe demo set was there already: {folder}\n")
    assert main(["demo", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("python -m trainer.data demo: The demo set cannot be written to")


def write_marker(drawn: Path) -> None:
    from trainer.data import DEMO_VERSION

    drawn.mkdir()
    (drawn / "demo.json").write_text(f'{{"version": {DEMO_VERSION}}}')


def test_download(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path / "kaggle" / "dataset2-master" / "dataset2-master" / "images")
    module = types.ModuleType("kagglehub")
    module.dataset_download = lambda _: str(tmp_path / "kaggle")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    folder = tmp_path / "data"
    assert main(["download", str(folder)]) == 0
    assert main(["download", str(folder)]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()][::2] == [
        "Downloaded",
        "TRAIN/ and TEST/ are there already",
    ]
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    assert main(["download", str(tmp_path / "other")]) == 2
    assert capsys.readouterr().err.startswith("python -m trainer.data download: kagglehub is not installed")


@pytest.mark.parametrize("arguments", [[], ["audit"], ["unknown"], ["audit", "x", "--no-such"]])
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m trainer.data")


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(command in said for command in ("audit", "demo", "download"))


def test_as_a_program(root: Path, tmp_path: Path) -> None:
    """From another folder, with no terminal, under a plain locale."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer.data", "audit", str(root), "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "out" / "sample_images.png").exists()
