from __future__ import annotations

import io
import random
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainer.data.sets import picture, png, tiff, write_set
from trainer.data import DataOptions, ImageSize, prepare
from trainer.data.cache.decoding import ChunkDecoder, Output

FILES = [400, pytest.param(2000, marks=pytest.mark.faults)]
LIMIT = 2**30  # bytes; of the process that reads


def seeds() -> list[bytes]:
    """Small files of many kinds."""
    image = picture(1, 48, 36)
    wide = Image.fromarray(np.arange(36 * 48, dtype=np.uint16).reshape(36, 48) * 37)
    exif = Image.Exif()
    exif[0x0112] = 6
    options: list[tuple[Image.Image, str, dict[str, object]]] = [
        (image, "JPEG", {}),
        (image, "JPEG", {"progressive": True, "exif": exif}),
        (image.convert("CMYK"), "JPEG", {}),
        (image, "PNG", {}),
        (image.convert("P"), "PNG", {"transparency": 3}),
        (image.convert("RGBA"), "PNG", {"exif": exif}),
        (wide, "PNG", {}),
        (image, "TIFF", {"compression": "tiff_lzw"}),
        (wide, "TIFF", {}),
        (image, "BMP", {}),
        (image, "WEBP", {"quality": 90}),
        (image.convert("RGBA"), "WEBP", {"lossless": True}),
    ]
    files = []
    for picture_, form, named in options:
        file = io.BytesIO()
        picture_.save(file, form, **named)
        files.append(file.getvalue())
    deep = np.asarray(image).astype(np.uint16) * 16
    files += [tiff(deep), tiff(deep.astype(np.float32)), tiff(deep, {274: 6})]
    files.append(png(16, 2, [row.astype(">u2").tobytes() for row in deep], 48))
    return files


def mutated(data: bytes, choice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(choice.randint(1, 3)):
        place = choice.randrange(len(changed)) if choice.random() < 0.7 else choice.randrange(min(len(changed), 60))
        match choice.choices(("set", "delete", "insert", "cut"), (6, 1, 1, 1))[0]:
            case "set":
                changed[place] = choice.randrange(256)
            case "delete":
                del changed[place : place + choice.randint(1, 40)]
            case "insert":
                changed[place:place] = choice.randbytes(choice.randint(1, 40))
            case "cut":
                del changed[max(place, 9) :]
        if not changed:
            return b""
    return with_right_checksums(bytes(changed)) if choice.random() < 0.7 else bytes(changed)


def with_right_checksums(data: bytes) -> bytes:
    """Of the chunks of a PNG file: with a wrong one, Pillow looks no further."""
    if not data.startswith(b"\x89PNG"):
        return data
    fixed, place = bytearray(data), 8
    while place + 12 <= len(fixed):
        end = place + 8 + int.from_bytes(fixed[place : place + 4], "big")
        fixed[end : end + 4] = zlib.crc32(fixed[place + 4 : end]).to_bytes(4, "big")
        place = end + 4
    return bytes(fixed)


@pytest.mark.parametrize("files", FILES)
def test_every_mutated_file_is_decoded_or_listed(tmp_path: Path, files: int) -> None:
    choice = random.Random(7)
    originals = seeds()
    names = [f"{number}.jpeg" for number in range(files)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(mutated(originals[number % len(originals)], choice))
    decoder = ChunkDecoder(tmp_path, [Output(ImageSize(18, 24, True))])
    results = decoder.decode(list(enumerate(names)), None)
    decoder.close()
    bad = [result for result in results if result is not None and result.found]
    good = [result for result in results if result is not None and not result.found]
    assert len(bad) + len(good) == files
    assert min(len(bad), len(good)) > files // 10  # else the mutations are too mild or too wild to test anything
    assert all(result.allowed for result in bad)
    assert all(result.width > 0 and len(result.content) == 32 for result in good)


READ = """
import sys
from pathlib import Path
from trainer.data.cache.decoding import ChunkDecoder, Output
from trainer.data import ImageSize
folder = Path(sys.argv[1])
names = sorted(file.name for file in folder.iterdir())
decoder = ChunkDecoder(folder, [Output(ImageSize(18, 24, True))])
decoder.decode(list(enumerate(names)), None)
# Not ru_maxrss: a process inherits that of the one it was started from.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


@pytest.mark.parametrize("files", FILES)
def test_mutated_files_take_little_memory(tmp_path: Path, files: int) -> None:
    """In a process of its own, which the mutations do not crash."""
    choice = random.Random(9)
    originals = seeds()
    for number in range(files):
        (tmp_path / f"{number}.jpeg").write_bytes(mutated(originals[number % len(originals)], choice))
    root = Path(__file__).resolve().parents[4]
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < LIMIT


def test_a_folder_with_mutated_files_is_prepared_without_them(tmp_path: Path) -> None:
    choice = random.Random(8)
    originals = seeds()
    root = write_set(tmp_path / "set")
    for number in range(60):
        file = root / "TRAIN" / "EOSINOPHIL" / f"{number}.png"
        file.write_bytes(mutated(originals[number % len(originals)], choice))
    report = prepare(
        root, tmp_path / "cache", [ImageSize(18, 24, False)], DataOptions(skip_bad_files=True, photographs="none")
    )
    assert report.images + len(report.bad_files) == 16 + 60
    assert report.bad_files
