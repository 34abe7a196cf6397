from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.data.photographs.scenes import contents, find, scene, turned, write
from trainer.data import DataOptions, scan
from trainer.data.grouping import group_images as module
from trainer.data.photographs import Found, find_in_process, in_process
from trainer.errors import DataError


def names_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_finds_what_is_found_in_this_process(tmp_path: Path) -> None:
    images = {f"{n}-{turn}.jpeg": turned(scene(n), 30 * turn) for n in range(3) for turn in range(3)}
    write(tmp_path / "ö set", images | {"\udcff.png": scene(9, 20, 20, spots=1)})
    folder = tmp_path / "ö set"
    names = names_of(folder)
    seen: list[tuple[int, int]] = []
    found = find_in_process(
        folder, names, contents(folder, names), store=tmp_path / "kept", progress=lambda *step: seen.append(step)
    )
    assert found == find(folder, names)
    assert found.links
    assert found.plain
    assert seen == [(n, 10) for n in range(1, 11)]
    assert list((tmp_path / "kept").glob("photographs-*.json"))


def test_bad_files_are_told_as_by_this_process(tmp_path: Path) -> None:
    (tmp_path / "text.jpeg").write_text("hello")
    with pytest.raises(DataError) as here:
        find(tmp_path, ["text.jpeg"])
    with pytest.raises(DataError) as there:
        find_in_process(tmp_path, ["text.jpeg"], contents(tmp_path, ["text.jpeg"]), store=None)
    assert (there.value.summary, there.value.problems) == (here.value.summary, here.value.problems)


FIRST = """
import os, signal, sys
sys.stdin.readline()
print('{"done": 1, "total": 3}', flush=True)
"""
WAITS, DIES = f"{FIRST}sys.stdin.readline()", f"{FIRST}os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch, script: str) -> list[subprocess.Popen[bytes]]:
    """Those that were started: each runs the script."""
    started: list[subprocess.Popen[bytes]] = []

    def start(_: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        started.append(subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe))
        return started[-1]

    monkeypatch.setattr(in_process, "start_child", start)
    return started


@pytest.mark.parametrize("script", [WAITS])
def test_an_interruption_ends_the_process(tmp_path: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_in_process(tmp_path, ["1", "2", "3"], ["1", "2", "3"], store=None, progress=interrupt)
    assert [process.returncode for process in processes] == [-signal.SIGKILL]


@pytest.mark.parametrize("script", [DIES])
def test_a_process_that_dies_is_told_with_the_way_on(tmp_path: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(DataError) as caught:
        find_in_process(tmp_path, ["1", "2", "3"], ["1", "2", "3"], store=None)
    assert str(caught.value) == (
        f"The process that looks for photographs in {tmp_path} ended with status -9 (-9 is often too little memory). "
        "--photographs FILE, PATTERN or none spares it."
    )
    assert len(processes) == 1


@pytest.mark.parametrize(("few", "used"), [(5, "find_in_process"), (6, "find_photographs")])
def test_few_images_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, used: str) -> None:
    root = tmp_path / "set"
    for name in ("TRAIN/a/1.png", "TRAIN/a/2.png", "TRAIN/b/3.png", "TRAIN/b/4.png", "TEST/a/5.png", "TEST/b/6.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        scene(int(name[-5])).save(root / name)
    index = scan(root)
    called: list[str] = []

    def watched(name: str) -> Callable[..., Found]:
        call: Callable[..., Found] = getattr(module, name)

        def watching(*arguments: object, **named: object) -> Found:
            called.append(name)
            return call(*arguments, **named)

        return watching

    for name in ("find_in_process", "find_photographs"):
        monkeypatch.setattr(module, name, watched(name))
    monkeypatch.setattr(module, "FEW", few)
    module.group_images(index, contents(root, index.files), DataOptions(), tmp_path / "cache")
    assert called == [used]
