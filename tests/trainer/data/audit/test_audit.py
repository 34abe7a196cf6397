from __future__ import annotations

import io
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tests.trainer.data.sets import CLASSES, picture, tell, write_set
from trainer.data import DataOptions, prepare
from trainer.data.audit.audit import Audit, audit, print_audit
from trainer.data.audit.pictures import COLORS, draw_frequencies, draw_samples
from trainer.data.images.formats import FORMATS_ALLOWED
from trainer.data.images.resizing import ImageSize
from trainer.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "a set")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "image cache"


def said(found: Audit, *, everything: bool = False, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_audit(found, console, everything=everything)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def spoil(root: Path) -> None:
    """Add something of everything that an audit tells."""
    train, test = root / "TRAIN" / CLASSES[0], root / "TEST" / CLASSES[0]
    picture(80, 64, 48).save(train / "other size.png")
    picture(81).convert("CMYK").save(train / "ink.jpeg")
    (train / "empty.jpeg").write_bytes(b"")
    shutil.copy(train / "_0_0.jpeg", train / "again.jpeg")
    shutil.copy(train / "_0_0.jpeg", root / "TRAIN" / CLASSES[1] / "again.jpeg")
    shutil.copy(train / "_0_1.jpeg", test / "leak.jpeg")
    (root / "TEST" / "[red]only here").mkdir()
    tell(root)


def test_a_good_folder(root: Path, cache: Path) -> None:
    found = audit(root, cache)
    text = said(found)
    assert found.usable
    assert text.splitlines()[0] == str(root)
    lines = [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]
    assert "EOSINOPHIL 6 3 2 1 2" in lines
    assert f"{CLASSES[1]} 6 3 2 1 2" in lines
    assert "all 12 6 4 2 2" in lines
    assert "TRAIN EOSINOPHIL JPEG RGB 32x24 6" in lines
    assert "No image needs a conversion." in lines
    assert "  16 images show 8 photographs, told by photographs.csv.\n" in text
    assert "  Validation rotates over 3 folds in place of 5: no class has more photographs.\n" in text
    assert lines[-1] == "Usable."


def test_everything_that_is_wrong(root: Path, cache: Path) -> None:
    spoil(root)
    found = audit(root, cache)
    text = said(found)
    assert not found.usable
    lines = [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]
    assert "TRAIN EOSINOPHIL JPEG CMYK 32x24 1" in lines
    assert "TRAIN EOSINOPHIL PNG RGB 64x48 1" in lines
    assert "1 image will be converted to 8-bit gray or RGB: 1 CMYK." in lines
    first = lines.index("Problems of the folder: 2")
    assert lines[first + 1 : first + 3] == [
        "TRAIN: no folder for [red]only here, which TEST has; both must have the same classes",
        "TEST/[red]only here: no images; at least 1 is needed",
    ]
    assert lines[lines.index("Bad files: 1") + 1] == f"TRAIN/EOSINOPHIL/empty.jpeg: 0 bytes; allowed: {FORMATS_ALLOWED}"
    assert lines[lines.index("Leaks: photographs in TRAIN and TEST: 1") + 1] == (
        "TRAIN/EOSINOPHIL/_0_0.jpeg = TEST/EOSINOPHIL/leak.jpeg: one photograph (4 in TRAIN, 1 in TEST)"
    )
    assert "the same image under 2 classes" in text
    first = lines.index("Photographs with images in several classes: 1")
    assert lines[first + 1] == f"TEST/EOSINOPHIL/leak.jpeg: EOSINOPHIL, {CLASSES[1]}"
    assert lines[-2:] == [
        "Not usable as it is: 4 problems.",
        "Ways on: --leaks drop (TRAIN loses the images whose photograph is in TEST), or --leaks keep (goes on, and "
        "says so).",
    ]


def test_the_notes_of_the_layout_are_told_once(tmp_path: Path, cache: Path) -> None:
    write_set(tmp_path / "set", {"TRAIN": 4})
    text = said(audit(tmp_path / "set" / "TRAIN", cache, DataOptions(photographs="none")))
    assert text.count("The folders name no splits: the images are split here.") == 1


def test_images_that_are_dropped_are_said_to_be_left_out(root: Path, tmp_path: Path, cache: Path) -> None:
    shutil.copy(root / "TRAIN" / "EOSINOPHIL" / "_0_0.jpeg", root / "TEST" / "EOSINOPHIL" / "_9_0.jpeg")
    found = audit(tell(root), cache, DataOptions(leaks="drop"))
    assert found.usable
    assert "images left out" in said(found, width=200)
    assert "Ways on" not in said(found)
    draw_frequencies(found, tmp_path / "1.png")
    draw_samples(found, tmp_path / "2.png")


@pytest.mark.parametrize("spoiled", [True, False])
def test_the_verdict_is_that_of_prepare(root: Path, tmp_path: Path, spoiled: bool, cache: Path) -> None:
    if spoiled:
        folder = root / "TRAIN" / CLASSES[0]
        for file in folder.iterdir():
            file.unlink()
        for name in ("a.png", "b.png"):
            picture(5).save(folder / name)
        tell(root)
    found = audit(root, cache)
    assert found.usable != spoiled
    with pytest.raises(DataError) if spoiled else nullcontext() as caught:
        prepare(root, tmp_path / "cache", [ImageSize(12, 16, False)])
    if caught is not None:
        assert list(found.layout)
        assert caught.value.problems == list(found.layout)


def test_long_lists_are_cut_unless_all_is_asked_for(root: Path, cache: Path) -> None:
    for number in range(60):
        (root / "TRAIN" / "EOSINOPHIL" / f"empty {number:02}.jpeg").write_bytes(b"")
    found = audit(root, cache)
    assert "Bad files: 60" in said(found)
    assert "empty 49.jpeg" in said(found)
    assert "empty 50.jpeg" not in said(found)
    assert "... and 10 more (--all prints them)" in said(found)
    assert "empty 59.jpeg" in said(found, everything=True)


def test_an_audit_writes_to_the_cache_alone(root: Path, cache: Path) -> None:
    before = sorted(root.parent.rglob("*"))
    audit(root, cache)
    assert sorted(path for path in root.parent.rglob("*") if cache not in (path, *path.parents)) == before


@pytest.mark.parametrize("draw", [draw_frequencies, draw_samples])
def test_pictures_of_odd_names(tmp_path: Path, draw: object, cache: Path) -> None:
    """Formulas, markup, line breaks, long names, letters that the font lacks: drawn as they are, without a warning."""
    names = ("$a^", "x_1 $\\frac$", "very " * 20, "[bold]", "血液", "two\nlines")
    root = write_set(tmp_path / "$set$", classes=names)
    path = tmp_path / "picture.png"
    draw(audit(root, cache), path)  # type: ignore[operator]
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width > 800


def test_the_frequencies_are_drawn_in_proportion(tmp_path: Path, cache: Path) -> None:
    root = write_set(tmp_path / "set", {"TRAIN": 4, "TEST": 1}, classes=("A", "B"))
    draw_frequencies(audit(root, cache), tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    left = pixels[: -pixels.shape[0] // 6, : pixels.shape[1] // 2]  # images alone, without the legend

    def widest(color: str) -> int:
        wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
        return int((np.abs(left - wanted).sum(-1) < 30).sum(1).max())

    assert widest(COLORS["TRAIN"]) == pytest.approx(4 * widest(COLORS["TEST"]), rel=0.03)


def test_a_folder_without_a_single_image_is_drawn_too(tmp_path: Path, cache: Path) -> None:
    for side in ("TRAIN", "TEST"):
        (tmp_path / "set" / side).mkdir(parents=True)
    found = audit(tmp_path / "set", cache)
    draw_frequencies(found, tmp_path / "1.png")
    draw_samples(found, tmp_path / "2.png")
    assert not found.usable


def test_samples_are_of_different_photographs(tmp_path: Path, cache: Path) -> None:
    from trainer.data.audit.pictures import _choose

    root = write_set(tmp_path / "set", {"TRAIN": 4, "TEST": 1}, copies=6)
    chosen = _choose(audit(root, cache))
    assert {file.rsplit("_", 1)[0] for file in chosen["TRAIN", 0]} == {f"TRAIN/{CLASSES[0]}/_{n}" for n in range(4)}
    assert len(set(chosen["TEST", 0])) == 2  # one photograph: two of its copies
    assert _choose(audit(root, cache)) == chosen
