"""`python -m search.hosts check`: tries machines over a real ssh on loopback."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.executors.hosts import look
from search.hosts import main
from tests.sshd import Sshd, running_sshd
from trainer.data import open_dataset
from trainer.data.fingerprint import folder_fingerprint
from trainer.data.images.resizing import ImageSize
from trainer.fingerprint import code_fingerprint


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def file(server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hosts.toml with a machine that can be used; Keras is not looked for, which takes a second."""
    monkeypatch.setattr(look, "PACKAGES", {"numpy": "numpy"})
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "hosts.toml"
    prefix = ", ".join(f'"{word}"' for word in server.prefix)
    path.write_text(f'[lab1]\nprefix = [{prefix}]\npython = "{sys.executable}"\ncache = "{tmp_path / "cache"}"\n')
    return path


def test_a_machine_that_can_be_used(
    file: Path, tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fingerprint = folder_fingerprint(tiny_images)
    assert main(["check", "--hosts-file", str(file), "--data", str(tiny_images)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Trainer 0.1.0 ({code_fingerprint()}); images here: {fingerprint} ")
    for part in ("lab1", "yes", ".".join(map(str, sys.version_info[:3])), "numpy 2.", "none", "sent"):
        assert part in said
    assert said.count(fingerprint) == 2
    assert (tmp_path / "cache" / "code" / code_fingerprint() / "trainer" / "__main__.py").is_file()


def test_the_fingerprint_is_that_of_a_study(tiny_images: Path, tmp_path: Path) -> None:
    dataset = open_dataset(tiny_images, tmp_path, ImageSize(12, 16, False))
    assert folder_fingerprint(tiny_images) == dataset.fingerprint


def test_other_images_and_a_machine_that_is_away(
    file: Path, tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(tiny_images, theirs)
    next(theirs.rglob("*.jpeg")).unlink()
    file.write_text(f'{file.read_text()}data = "{theirs}"\n[lab2]\nprefix = ["/no/such/ssh", "lab2"]\n')
    assert main(["check", "--hosts-file", str(file), "--data", str(tiny_images)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "lab2: there is no program /no/such/ssh on this machine: sudo apt install openssh-client" in lines
    there, here = folder_fingerprint(theirs), folder_fingerprint(tiny_images)
    assert (
        f"lab1: other images than this machine: {there} there, {here} here. Copy them: rsync -a --delete "
        f"{shlex.quote(str(tiny_images))}/ lab1:{theirs}/"
    ) in lines
    assert any("lab2" in line and " no " in line for line in lines)


def test_no_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 2
    assert capsys.readouterr().err == (
        "--executor hosts: found no machine; allowed: --hosts lab1,lab2:2, or a file hosts.toml (see README)\n"
    )
