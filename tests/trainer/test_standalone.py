"""`python -m trainer --config FILE`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import SMALL, Slot
from trainer.__main__ import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "my config.json"
    file.write_text(json.dumps({**SMALL, "trial": "mine"}))
    return file


def arguments(slot: Slot, config: Path, output: Path) -> list[str]:
    folders = ["--data", str(slot.data), "--cache", str(slot.cache), "--output", str(output)]
    return ["--config", str(config), *folders]


def test_a_training_by_hand_ends_with_a_table(
    slot: Slot, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main(arguments(slot, config, tmp_path / "models")) == 0
    out = capsys.readouterr().out
    assert f"Images: {slot.data} (as given)" in out
    assert "25,059 parameters; images: 27 train, 9 val, 18 test" in out
    table = [line.split("│")[1:-1] for line in out.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row][0::4] for row in table] == [["train", "9"], ["val", "3"], ["test", "6"]]
    assert "3 epochs in " in out
    assert f"Model: {tmp_path / 'models' / 'mine.keras'}" in out
    assert (tmp_path / "models" / "mine.keras").is_file()


def test_a_training_that_fails_ends_with_1(
    slot: Slot, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer import fit

    def broken(*_: Any) -> None:
        raise ValueError("[two] words")

    monkeypatch.setattr(fit._Report, "on_epoch_end", broken)
    assert main(arguments(slot, config, tmp_path / "models")) == 1
    out = capsys.readouterr().out
    assert "The training failed (error): ValueError: [two] words" in out
    assert "in broken" in out


def test_images_that_cannot_be_used_end_with_2(
    slot: Slot, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(slot.data, broken)
    shutil.rmtree(broken / "TEST" / "MONOCYTE")
    assert main(["--config", str(config), "--data", str(broken), "--cache", str(tmp_path / "cache")]) == 2
    assert "MONOCYTE" in capsys.readouterr().err


def test_mistakes_in_the_config_are_told_all_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"depth": 9, "colour": true}')
    assert main(["--config", str(file)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}: this is no TrainConfig",
        "depth: Input should be less than or equal to 6 (found 9)",
        "colour: Extra inputs are not permitted (found True)",
    ]


def test_a_config_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "none.json"
    assert main(["--config", str(file)]) == 2
    assert capsys.readouterr().err == f"{file}: cannot be read: [Errno 2] No such file or directory: '{file}'\n"
