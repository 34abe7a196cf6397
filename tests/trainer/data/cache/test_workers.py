from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.data.sets import picture, write_set
from trainer.data import ImageSize, scan
from trainer.data.cache import workers
from trainer.data.cache.decoding import Output, write_at
from trainer.data.cache.workers import decode_files
from trainer.errors import DataError

SIZE = ImageSize(12, 16, True)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """More files than one chunk."""
    return write_set(tmp_path / "a set", {"TRAIN": 20, "TEST": 5}, copies=4)


def test_processes_and_this_process_give_the_same(many: Path, tmp_path: Path) -> None:
    (many / "TRAIN" / "EOSINOPHIL" / "broken.png").write_bytes(b"")
    index = scan(many)
    outputs = []
    results = []
    for count in (1, 2):
        path = tmp_path / f"{count} out"
        path.write_bytes(b"\0" * 100)
        results.append(decode_files(index, [Output(SIZE, str(path), 100)], workers=count))
        outputs.append(path.read_bytes())
    assert results[0] == results[1]
    assert outputs[0] == outputs[1]
    assert any(outputs[0][100:])


@pytest.mark.parametrize("count", [1, 2])
def test_progress_reaches_the_end(many: Path, count: int) -> None:
    seen: list[tuple[int, int]] = []
    decode_files(scan(many), [Output(SIZE)], workers=count, progress=lambda *step: seen.append(step))
    assert seen == sorted(seen)
    assert seen[-1] == (200, 200)
    assert len(seen) > 2


def test_the_number_of_processes_follows_the_work(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    process = workers._Process

    def counted(*arguments: Any) -> Any:
        started.append(process(*arguments))
        return started[-1]

    monkeypatch.setattr(workers, "_Process", counted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    decode_files(scan(many), [Output(SIZE)])
    assert not started  # so little data is decoded here
    monkeypatch.setattr(workers, "BYTES_A_WORKER", 100)
    monkeypatch.setattr(workers, "CHUNK", 8)
    monkeypatch.setattr(workers, "MOST_WORKERS", 3)
    decode_files(scan(many), [Output(SIZE)])
    assert len(started) == 3
    assert all(decoder._process.returncode == 0 for decoder in started)


def test_large_images_wait_until_the_others_are_done(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = many / "TRAIN" / "EOSINOPHIL" / "large.png"
    picture(1, 400, 300).save(large)
    index = scan(many)
    monkeypatch.setattr(workers, "MEMORY", 2 * (workers.WORKER_BASE + 400 * 300 * 12 - 1))
    limits: list[tuple[int, int | None]] = []
    decode = workers._Process.decode

    def watched(process: Any, rows: Any, memory_limit: int | None, ranges: Any) -> Any:
        limits.append((len(rows), memory_limit))
        return decode(process, rows, memory_limit, ranges)

    monkeypatch.setattr(workers._Process, "decode", watched)
    results = decode_files(index, [Output(SIZE)], workers=2)
    assert limits[-1] == (1, None)
    assert [limit for _, limit in limits[:-1]] == [400 * 300 * 12 - 1] * (len(limits) - 1)
    assert len(results) == 201
    assert results[index.files.index("TRAIN/EOSINOPHIL/large.png")].width == 400


def test_a_killed_process_is_an_error_that_says_where(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = workers._Process._ask

    def killed(process: Any, question: Any) -> Any:
        process._process.kill()
        process._process.wait()
        return ask(process, question)

    monkeypatch.setattr(workers._Process, "_ask", killed)
    with pytest.raises(DataError, match=r"ended with status -9 .* between T\S+/.*jpeg and T"):
        decode_files(scan(many), [Output(SIZE)], workers=2)


def test_a_worker_that_cannot_write_says_why(many: Path, tmp_path: Path) -> None:
    """In a process of its own, because a limit on file sizes cannot be taken back."""
    script = f"""
import resource
from pathlib import Path
from trainer.data import ImageSize, scan
from trainer.data.cache.decoding import Output
from trainer.data.cache.workers import decode_files
path = Path({str(tmp_path / "out")!r})
path.touch()
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    decode_files(scan(Path({str(many)!r})), [Output(ImageSize(12, 16, True), str(path))], workers=2)
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "File too large"


def test_workers_find_the_package_from_any_folder(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "trainer").mkdir(parents=True)
    (elsewhere / "trainer" / "__init__.py").write_text("raise ImportError('the wrong package')")
    monkeypatch.chdir(elsewhere)
    assert len(decode_files(scan(many), [Output(SIZE)], workers=2)) == 200


def test_writes_go_on_after_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    path.touch()
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: pwrite(file, bytes(data)[:3], offset))
    file = os.open(path, os.O_WRONLY)
    write_at(file, b"0123456789", 2)
    os.close(file)
    assert path.read_bytes() == b"\0\0" + b"0123456789"


def test_unreadable_things_are_listed_and_never_waited_for(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    folder = root / "TRAIN" / "EOSINOPHIL"
    os.mkfifo(folder / "pipe.jpeg")
    (folder / "broken link.png").symlink_to("nowhere")
    index = scan(root)
    results = dict(zip(index.files, decode_files(index, [Output(SIZE)]), strict=True))
    assert results["TRAIN/EOSINOPHIL/pipe.jpeg"].found == "no regular file"
    assert results["TRAIN/EOSINOPHIL/broken link.png"].found == "a link to nothing"
    assert index.sizes[index.files.index("TRAIN/EOSINOPHIL/broken link.png")] == -1
