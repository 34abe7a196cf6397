from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.trainer.data.sets import picture, tell, write_set
from trainer.data import DataOptions, ImageSize, open_dataset, prepare
from trainer.data import prepare as prepare_function
from trainer.errors import DataError

GRAY, COLOR, LARGE = ImageSize(12, 16, False), ImageSize(12, 16, True), ImageSize(24, 32, False)
prepare_module = sys.modules[prepare_function.__module__]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "a set")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "my cache" / "deep"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files each pass decoded."""
    passes: list[int] = []
    decode = prepare_module.decode_files

    def counted(index: Any, *arguments: Any, **named: Any) -> Any:
        passes.append(len(index.files))
        return decode(index, *arguments, **named)

    monkeypatch.setattr(prepare_module, "decode_files", counted)
    return passes


def refused(root: Path, cache: Path, *, decoded: bool = False, **named: Any) -> DataError:
    """The refusal. `decoded` says that images were decoded before, as where their photographs are what is wrong."""
    with pytest.raises(DataError) as caught:
        prepare(root, cache, [GRAY], **named)
    assert bool(list(cache.glob("images-*"))) == decoded, "a refused folder must leave nothing behind"
    return caught.value


# ------------------------------------------------------------------------------------------------ the cache


def test_all_sizes_are_decoded_in_one_pass_and_used_again(root: Path, cache: Path, decoded: list[int]) -> None:
    first = prepare(root, cache, [GRAY, COLOR, GRAY])
    assert decoded == [16]
    assert (first.images, first.decoded, first.bad_files, first.sentence()) == (16, True, (), "")
    again = prepare(root, cache, [COLOR, GRAY])
    assert decoded == [16]
    assert not again.decoded
    assert again.fingerprint == first.fingerprint
    more = prepare(root, cache, [GRAY, LARGE])
    assert decoded == [16, 16]
    assert more.decoded
    assert more.fingerprint == first.fingerprint


def test_a_size_is_the_same_alone_and_with_others(root: Path, tmp_path: Path) -> None:
    prepare(root, tmp_path / "1", [GRAY, COLOR, LARGE])
    for size in (GRAY, COLOR, LARGE):
        together = open_dataset(root, tmp_path / "1", size).images
        alone = open_dataset(root, tmp_path / "2", size).images
        assert np.array_equal(together, alone)


def test_rows_are_the_files(root: Path, cache: Path) -> None:
    dataset = open_dataset(root, cache, ImageSize(24, 32, True))
    for row in (0, 7, 15):
        with Image.open(root / dataset.files[row]) as image:
            assert np.array_equal(dataset.images[row], np.asarray(image))


@pytest.mark.parametrize("change", ["content", "new file", "name", "gone"])
def test_a_changed_folder_is_read_again(root: Path, cache: Path, decoded: list[int], change: str) -> None:
    before = prepare(root, cache, [GRAY])
    file = root / "TRAIN" / "EOSINOPHIL" / "_0_0.jpeg"
    match change:
        case "content":
            picture(99).save(file)
            os.utime(file, ns=(1, 1))
        case "new file":
            picture(99).save(file.with_name("_0_77.jpeg"))
        case "name":
            file.rename(file.with_name("_0_78.jpeg"))
        case "gone":
            file.unlink()
    tell(root)
    after = prepare(root, cache, [GRAY])
    assert len(decoded) == 2
    assert after.decoded
    assert after.fingerprint != before.fingerprint


def test_the_fingerprint_is_of_names_and_contents_alone(root: Path, cache: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "copied"
    shutil.copytree(root, copy, copy_function=shutil.copyfile)
    for file in copy.rglob("*.jpeg"):
        os.utime(file, ns=(5, 5))
    first, second = prepare(root, cache, [GRAY]), prepare(copy, cache, [COLOR])
    assert second.decoded
    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 16


@pytest.mark.parametrize(
    "damage", ["no sidecar", "empty", "cut", "no json", "other key", "other files", "short array", "no array"]
)
def test_a_damaged_cache_is_made_again(root: Path, cache: Path, decoded: list[int], damage: str) -> None:
    before = prepare(root, cache, [GRAY])
    (array,), (sidecar,) = cache.glob("*.npy"), cache.glob("images-*.json")
    text, pixels = sidecar.read_text(), array.read_bytes()
    values = json.loads(text)
    match damage:
        case "no sidecar":
            sidecar.unlink()
        case "empty":
            sidecar.write_text("")
        case "cut":
            sidecar.write_text(text[: len(text) // 2])
        case "no json":
            sidecar.write_bytes(b"\xff\xfe\x00")
        case "other key":
            sidecar.write_text(json.dumps(values | {"key": "0"}))
        case "other files":
            sidecar.write_text(json.dumps(values | {"files": values["files"][1:], "contents": values["contents"][1:]}))
        case "short array":
            array.write_bytes(pixels[:-1])
        case "no array":
            array.unlink()
    after = prepare(root, cache, [GRAY])
    assert len(decoded) == 2
    assert after.fingerprint == before.fingerprint
    assert array.read_bytes() == pixels
    assert json.loads(sidecar.read_text()) == values


def test_a_complete_cache_needs_no_writing(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only disk. (Permissions cannot show it here: tests may run as root.)"""
    prepare(root, cache, [GRAY])

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr(Path, "mkdir", read_only)
    monkeypatch.setattr(fcntl, "flock", read_only)
    assert not prepare(root, cache, [GRAY]).decoded
    assert open_dataset(root, cache, GRAY).images.shape == (16, 12, 16, 1)
    with pytest.raises(DataError) as caught:
        prepare(root, cache, [COLOR])
    assert str(caught.value) == f"The image cache cannot be written in {cache}: Read-only file system."


def test_a_full_disk_is_told_before_the_decoding(
    root: Path, cache: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert str(refused(root, cache)) == (
        f"The image cache of {root} cannot be written in {cache}: No space left on device. It needs 0.0 MiB."
    )
    assert decoded == []


def test_a_disk_that_fills_up_while_decoding(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite

    def fills(file: int, data: Any, offset: int) -> int:
        if offset > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(file, data, offset)

    monkeypatch.setattr(os, "pwrite", fills)
    assert "No space left on device" in str(refused(root, cache))
    monkeypatch.undo()
    assert prepare(root, cache, [GRAY]).decoded


def test_the_cache_folder_is_a_file(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"cannot be written in .*/file: "):
        prepare(root, tmp_path / "file", [GRAY])


# ------------------------------------------------------------------------------------------------ several processes

WAITING = """
import logging, sys
from pathlib import Path
from trainer.data import ImageSize, prepare
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
report = prepare(Path(sys.argv[1]), Path(sys.argv[2]), [ImageSize(12, 16, False)])
print("decoded" if report.decoded else "found it", report.images)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def test_two_processes_decode_once(root: Path, cache: Path) -> None:
    prepare(root, cache, [GRAY])
    (lock,) = cache.glob("*.lock")
    for file in cache.glob("images-*"):
        file.unlink()
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # so that both have begun before either can go on
        processes = [start(WAITING, root, cache) for _ in range(2)]
        for process in processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Another process reads these images; waiting for it ("), line
    said = sorted(process.communicate()[0] for process in processes)
    assert said == ["decoded 16\n", "found it 16\n"]


HANGING = """
import sys
from pathlib import Path
from trainer.data import ImageSize, prepare
def hang(done, total):
    print("half way", flush=True)
    sys.stdin.read()
prepare(Path(sys.argv[1]), Path(sys.argv[2]), [ImageSize(12, 16, False)], progress=hang)
"""


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(root: Path, cache: Path) -> None:
    process = start(HANGING, root, cache)
    assert process.stdout is not None
    assert process.stdout.readline() == "half way\n"
    assert [path.suffix for path in cache.glob("images-*")] == [".part"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert prepare(root, cache, [GRAY]).decoded  # the lock is free again
    assert sorted(path.suffix for path in cache.glob("images-*")) == [".json", ".npy"]


MEASURING = """
import re, resource, sys
from pathlib import Path
from trainer.data import DataOptions, ImageSize, prepare
def own():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024
def prepared(photographs):
    options = DataOptions(photographs)
    prepare(Path(sys.argv[1]), Path(sys.argv[2]), [ImageSize(12, 16, False)], options, workers=2)
    return own()
print(prepared("none"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, prepared("pixels"))
"""


def test_the_largest_images_stay_under_a_gibibyte(root: Path, cache: Path) -> None:
    folder = root / "TRAIN" / "EOSINOPHIL"
    Image.new("RGBA", (7000, 7000), (50, 20, 30, 128)).save(folder / "large.png", compress_level=1)  # 49 megapixels
    for copy in range(64):  # more than a chunk, so that two processes work
        picture(1000 + copy).save(folder / f"_3_{copy}.jpeg")
    own_mib, worker_mib, finder_mib = map(int, start(MEASURING, root, cache).communicate()[0].split())
    assert worker_mib > 300  # else the image was not decoded there, and this measures nothing
    assert own_mib + 2 * 50 + worker_mib < 1024
    assert own_mib < finder_mib < 1024


# ------------------------------------------------------------------------------------------------ what is refused


def test_bad_files_are_listed_at_once(root: Path, cache: Path) -> None:
    folder = root / "TRAIN" / "EOSINOPHIL"
    whole = (folder / "_0_0.jpeg").read_bytes()
    (folder / "a.jpeg").write_bytes(b"")
    (folder / "b c.png").write_text("hello")
    (folder / "d.jpeg").write_bytes(whole[: len(whole) // 2])
    (root / "TEST" / "EOSINOPHIL" / "README").write_bytes(b"\0\1\2\3")
    picture(1).save(folder / "e.jpeg", "GIF")
    error = refused(root, cache)
    assert error.summary == (
        f"{root} cannot be used as a set of images: 5 problems. "
        "(--skip-bad-files leaves out files that are no usable images.)"
    )
    assert error.problems[0] == (
        "TEST/EOSINOPHIL/README: no known image format (first bytes 00 01 02 03); allowed: JPEG, PNG, TIFF, BMP or WebP"
    )
    assert error.problems[1:3] == [
        "TRAIN/EOSINOPHIL/a.jpeg: 0 bytes; allowed: JPEG, PNG, TIFF, BMP or WebP",
        'TRAIN/EOSINOPHIL/b c.png: text (it begins "hello"); allowed: JPEG, PNG, TIFF, BMP or WebP',
    ]
    assert error.problems[3].startswith("TRAIN/EOSINOPHIL/d.jpeg: truncated JPEG (")
    assert error.problems[4] == "TRAIN/EOSINOPHIL/e.jpeg: GIF; allowed: JPEG, PNG, TIFF, BMP or WebP"


def test_bad_files_can_be_left_out(root: Path, cache: Path) -> None:
    (root / "TEST" / "EOSINOPHIL" / "a.jpeg").write_bytes(b"")
    (root / "TRAIN" / "EOSINOPHIL" / "_1_2.jpeg").write_bytes(b"text")
    report = prepare(root, cache, [GRAY], options=DataOptions(skip_bad_files=True))
    assert report.images == 15
    assert report.bad_files == (
        "TEST/EOSINOPHIL/a.jpeg: 0 bytes; allowed: JPEG, PNG, TIFF, BMP or WebP",
        'TRAIN/EOSINOPHIL/_1_2.jpeg: text (it begins "text"); allowed: JPEG, PNG, TIFF, BMP or WebP',
    )
    assert report.sentence() == "2 bad files were left out."
    assert prepare(root, cache, [GRAY], options=DataOptions(skip_bad_files=True)).bad_files == report.bad_files
    dataset = open_dataset(root, cache, ImageSize(24, 32, True), options=DataOptions(skip_bad_files=True))
    assert dataset.bad_files == 2
    assert len(dataset.files) == len(dataset.labels) == len(dataset.images) == 15
    assert not {"TEST/EOSINOPHIL/a.jpeg", "TRAIN/EOSINOPHIL/_1_2.jpeg"} & set(dataset.files)
    for row, name in enumerate(dataset.files):  # the gaps are closed
        with Image.open(root / name) as image:
            assert np.array_equal(dataset.images[row], np.asarray(image)), name
    refused_cache = cache / "strict"
    assert len(refused(root, refused_cache).problems) == 2  # leaving out once does not make it allowed


def test_too_little_is_left_without_the_bad_files(root: Path, cache: Path) -> None:
    for number in (0, 1, 2, 3):
        (root / "TRAIN" / "EOSINOPHIL" / f"_{number // 2}_{number}.jpeg").write_bytes(b"")
    for file in (root / "TEST" / "EOSINOPHIL").iterdir():
        file.write_bytes(b"")
    assert refused(root, cache, options=DataOptions(skip_bad_files=True)).problems == [
        "TEST/EOSINOPHIL: no images; at least 1 is needed (bad files left out)",
    ]


def test_problems_of_the_layout_and_of_the_files_come_together(root: Path, cache: Path) -> None:
    shutil.copy(root / "TRAIN" / "EOSINOPHIL" / "_1_3.jpeg", root / "TEST" / "EOSINOPHIL" / "leak.jpeg")
    (root / "TRAIN" / "EOSINOPHIL" / "a.jpeg").write_bytes(b"")
    (root / "TEST" / "extra").mkdir()
    tell(root)
    assert refused(root, cache).problems == [
        "TRAIN: no folder for extra, which TEST has; both must have the same classes",
        "TEST/extra: no images; at least 1 is needed",
        "TRAIN/EOSINOPHIL/a.jpeg: 0 bytes; allowed: JPEG, PNG, TIFF, BMP or WebP",
    ]


def test_an_image_in_train_and_test_is_refused_however_often_it_is_there(root: Path, cache: Path) -> None:
    folder = root / "TRAIN" / "EOSINOPHIL"
    for copy in range(6):
        shutil.copy(root / "TEST" / "EOSINOPHIL" / "_0_0.jpeg", folder / f"copy{copy}.jpeg")
    error = refused(tell(root), cache, decoded=True, options=DataOptions(skip_bad_files=True))
    assert error.problems == [
        "TRAIN/EOSINOPHIL/copy0.jpeg = TEST/EOSINOPHIL/_0_0.jpeg: one photograph (6 in TRAIN, 2 in TEST)"
    ]
    assert "--skip-bad-files" not in error.summary


def test_two_bad_files_with_the_same_bytes_are_no_leak(root: Path, cache: Path) -> None:
    (root / "TRAIN" / "EOSINOPHIL" / "a.jpeg").write_bytes(b"same")
    (root / "TEST" / "EOSINOPHIL" / "a.jpeg").write_bytes(b"same")
    assert prepare(root, cache, [GRAY], options=DataOptions(skip_bad_files=True)).images == 16


def test_a_class_whose_photographs_are_all_one_image_is_refused_before_any_training(root: Path, cache: Path) -> None:
    folder = root / "TRAIN" / "EOSINOPHIL"
    for file in folder.iterdir():
        file.unlink()
    for name in ("a.png", "b.png", "c.png"):
        picture(5).save(folder / name)
    assert refused(tell(root), cache, decoded=True).problems == [
        "TRAIN/EOSINOPHIL: 1 photograph; at least 2 are needed, one to train and one to validate"
    ]


def test_no_size_is_a_mistake_of_the_caller(root: Path, cache: Path) -> None:
    with pytest.raises(ValueError, match="at least one image size"):
        prepare(root, cache, [])


# ------------------------------------------------------------------------------------------------ conversions


def test_conversions_are_counted_and_said_in_one_line(root: Path, cache: Path) -> None:
    folder = root / "TRAIN" / "EOSINOPHIL"
    exif = Image.Exif()
    exif[0x0112] = 3
    picture(70).convert("CMYK").save(folder / "cmyk.jpeg")
    picture(71).convert("P").save(folder / "palette.png")
    picture(72).convert("RGBA").save(folder / "alpha and rotated.png", exif=exif)
    Image.fromarray(np.arange(768, dtype=np.uint16).reshape(24, 32)).save(folder / "deep.png")
    picture(73).save(folder / "rotated.jpeg", exif=exif)
    tell(root)
    report = prepare(root, cache, [GRAY])
    assert report.conversions == {"CMYK": 1, "10-bit (0 to 1,023)": 1, "palette": 1, "alpha": 1, "EXIF-rotated": 2}
    assert report.converted == 5
    assert report.sentence() == (
        "5 of 21 images were converted to 8-bit gray or RGB: 1 CMYK, 1 10-bit (0 to 1,023), "
        "1 palette, 1 alpha, 2 EXIF-rotated."
    )
    assert prepare(root, cache, [GRAY]).sentence() == report.sentence()
    assert open_dataset(root, cache, GRAY).conversions == report.conversions
