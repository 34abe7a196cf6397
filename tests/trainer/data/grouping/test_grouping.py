from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.trainer.data.photographs.scenes import scene
from tests.trainer.data.sets import CLASSES, picture, write_set
from trainer.data import CacheReport, DataOptions, ImageSize, open_dataset, prepare, scan
from trainer.data.grouping import group_images as module
from trainer.data.grouping.group_images import cost_warning
from trainer.data.grouping.grouping import read_record, record_path
from trainer.data.grouping.leaks import Leak, dropped, leaking_sides
from trainer.errors import DataError

SIZE = ImageSize(12, 16, False)
ROUND = CLASSES[1]


def prepared(root: Path, tmp_path: Path, **options: str) -> CacheReport:
    return prepare(root, tmp_path / "cache", [SIZE], DataOptions(**options))  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "my cells", {"TRAIN": 4, "TEST": 2})


@pytest.fixture
def leaking(root: Path) -> Path:
    """A photograph of TRAIN has two images in TEST too."""
    table = root / "photographs.csv"
    table.write_text(table.read_text().replace(",TEST/EOSINOPHIL/_0\n", ",TRAIN/EOSINOPHIL/_3\n"))
    return root


def test_a_table_in_the_folder_tells_the_photographs(root: Path, tmp_path: Path) -> None:
    found = prepared(root, tmp_path).grouping
    assert (found.method, found.source, found.how) == ("csv", "photographs.csv", "told by photographs.csv")
    assert found.sentences() == ["24 images show 12 photographs, told by photographs.csv."]
    assert len(set(found.photos)) == 12


def test_a_table_elsewhere_goes_before_it(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other table.csv"
    lines = (root / "photographs.csv").read_text().splitlines()
    other.write_text(
        "\n".join(["file,patient", *(f"{line.rsplit(',', 1)[0]},P{n}" for n, line in enumerate(lines[1:]))])
    )
    found = prepared(root, tmp_path, photographs=str(other)).grouping
    assert (found.method, found.source, len(set(found.photos))) == ("csv", "other table.csv", 24)


def test_a_table_that_is_not_there_is_no_pattern(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(root, tmp_path, photographs="not there.csv")
    assert str(caught.value) == "--photographs not there.csv: there is no such file."


def test_a_pattern_tells_the_photographs(root: Path, tmp_path: Path) -> None:
    found = prepared(root, tmp_path, photographs=r"((?:TRAIN|TEST)/.*/_\d+)_").grouping
    assert (found.method, len(set(found.photos))) == ("pattern", 12)
    assert found.how == r"told by the pattern ((?:TRAIN|TEST)/.*/_\d+)_"


def test_none_makes_every_image_its_own_and_says_so(root: Path, tmp_path: Path) -> None:
    found = prepared(root, tmp_path, photographs="none").grouping
    assert len(set(found.photos)) == 24
    assert found.sentences() == [
        "Each image counts as a photograph of its own (--photographs none). If several images show one photograph, "
        "validation accuracy is too high and every interval too narrow."
    ]


def test_the_record_is_read_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "photographs.csv").unlink()
    first = prepared(root, tmp_path).grouping
    monkeypatch.setattr(module, "find_photographs", None)  # looking again would fail
    assert prepared(root, tmp_path).grouping == first
    assert first.method == "pixels"


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"id": 3}'])
def test_a_damaged_record_is_made_again(root: Path, tmp_path: Path, damage: str) -> None:
    first = prepared(root, tmp_path).grouping
    path = record_path(tmp_path / "cache", first.id)
    path.write_text(damage)
    assert prepared(root, tmp_path).grouping == first
    assert json.loads(path.read_text())["digest"] == first.digest


def test_what_is_told_otherwise_has_another_digest(root: Path, tmp_path: Path) -> None:
    told, none = prepared(root, tmp_path).grouping, prepared(root, tmp_path, photographs="none").grouping
    assert told.digest != none.digest
    elsewhere = shutil.copytree(root, tmp_path / "copy")
    assert prepared(elsewhere, tmp_path).grouping.digest == told.digest


def test_a_leak_stops(leaking: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(leaking, tmp_path)
    (picture,) = (tmp_path / "cache").glob("leaks-*.png")
    assert str(caught.value) == (
        f"{leaking}: 1 photograph stands in TRAIN and TEST; a model would be measured on what it was trained on. "
        "Photographs are told by photographs.csv.\n"
        f"Pairs of them:  {picture}\n"
        f"All of them:  python -m trainer.data audit '{leaking}'\n"
        "Go on with --leaks drop (TRAIN loses the images whose photograph is in TEST), or --leaks keep (everything "
        "that is shown will say so).\n"
        "  TRAIN/EOSINOPHIL/_3_6.jpeg = TEST/EOSINOPHIL/_0_0.jpeg: one photograph (2 in TRAIN, 2 in TEST)"
    )


def test_a_leak_is_dropped_from_train(leaking: Path, tmp_path: Path) -> None:
    found = prepared(leaking, tmp_path, leaks="drop").grouping
    assert found.sentences()[-1] == ("1 photograph stands in TRAIN and TEST: 2 images were left out (--leaks drop).")
    dataset = open_dataset(leaking, tmp_path / "cache", SIZE, DataOptions(leaks="drop"))
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 10, "val": 4, "test": 8}
    trained = {*dataset.photos[dataset.splits["train"]], *dataset.photos[dataset.splits["val"]]}
    assert not trained & {*dataset.photos[dataset.splits["test"]]}


def test_a_leak_is_kept_and_said(leaking: Path, tmp_path: Path) -> None:
    found = prepared(leaking, tmp_path, leaks="keep").grouping
    assert found.sentences()[-1] == (
        "1 photograph stands in TRAIN and TEST, as --leaks keep allows: test accuracy is too high."
    )
    dataset = open_dataset(leaking, tmp_path / "cache", SIZE, DataOptions(leaks="keep"))
    assert sum(len(rows) for rows in dataset.splits.values()) == 24


@pytest.fixture
def leaking_into_val(tmp_path: Path) -> Path:
    """A photograph of TRAIN has two images in VAL too; none is in TEST."""
    root = write_set(tmp_path / "with val", {"TRAIN": 4, "VAL": 2, "TEST": 2})
    table = root / "photographs.csv"
    table.write_text(table.read_text().replace(",VAL/EOSINOPHIL/_0\n", ",TRAIN/EOSINOPHIL/_3\n"))
    return root


def test_a_leak_between_train_and_val_is_named_so(leaking_into_val: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepared(leaking_into_val, tmp_path)
    assert "1 photograph stands in TRAIN and VAL; a model" in caught.value.summary
    assert "--leaks drop (TRAIN loses the images whose photograph is in VAL), or" in caught.value.summary
    assert prepared(leaking_into_val, tmp_path, leaks="keep").grouping.caveats() == [
        "1 photograph stands in TRAIN and VAL, as --leaks keep allows: validation accuracy is too high."
    ]
    assert prepared(leaking_into_val, tmp_path, leaks="drop").grouping.sentences()[-1] == (
        "1 photograph stands in TRAIN and VAL: 2 images were left out (--leaks drop)."
    )


def test_leaks_of_three_sides_are_listed_as_a_sentence_does() -> None:
    leaks = [
        Leak("a", {"TRAIN": 1, "VAL": 1, "TEST": 1}, ()),
        Leak("b", {"TRAIN": 1, "VAL": 2}, ()),
    ]
    assert leaking_sides(leaks) == "TRAIN, VAL and TEST"
    assert dropped(leaks) == (
        "TRAIN and VAL lose the images whose photograph is in TEST, TRAIN loses the images whose photograph is in VAL"
    )


def test_the_same_file_in_train_and_test_is_a_leak_whatever_is_told(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "TRAIN/EOSINOPHIL/_0_0.jpeg", root / "TEST/EOSINOPHIL/_1_2.jpeg")
    for rule in (None, "none", "pixels"):
        with pytest.raises(DataError) as caught:
            prepare(root, tmp_path / "cache", [SIZE], DataOptions(photographs=rule))
        assert "TRAIN/EOSINOPHIL/_0_0.jpeg = TEST/EOSINOPHIL/_1_2.jpeg: one photograph" in caught.value.problems[0]


def test_a_slot_splits_by_the_record(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = prepared(root, tmp_path, photographs="none").grouping
    monkeypatch.setattr(module, "find_photographs", None)
    dataset = open_dataset(root, tmp_path / "cache", SIZE, record=record.id)
    assert dataset.grouping == record
    assert len(dataset.photo_names) == 24
    with pytest.raises(DataError, match=r"photographs-0123456789abcdef.json: this record .* is not there"):
        open_dataset(root, tmp_path / "cache", SIZE, record="0123456789abcdef")


def test_too_few_photographs_name_how_they_are_known(tmp_path: Path) -> None:
    root = write_set(tmp_path / "few", {"TRAIN": 1, "TEST": 1})
    with pytest.raises(DataError) as caught:
        prepared(root, tmp_path)
    assert str(caught.value) == (
        f"{root} cannot be used as a set of images: 2 problems. Photographs are told by photographs.csv.\n"
        "  TRAIN/EOSINOPHIL: 1 photograph; at least 2 are needed, one to train and one to validate\n"
        f"  TRAIN/{ROUND}: 1 photograph; at least 2 are needed, one to train and one to validate"
    )


def test_what_takes_minutes_is_said_before_with_the_ways_around_it(root: Path, tmp_path: Path) -> None:
    index = scan(root)
    large = replace(index, **{name: getattr(index, name) * 20_000 for name in ("files", "told")})
    (root / "photographs.csv").unlink()
    assert cost_warning(index, DataOptions()) == ""
    assert cost_warning(large, DataOptions(photographs="none")) == ""
    said = cost_warning(large, DataOptions(), workers=2)
    assert re.fullmatch(
        r"Looking for photographs in 480,000 images takes about \d+ minutes, once. To spare it, say what you know: "
        r"--photographs FILE or PATTERN, or --photographs none \(each image then counts as its own\).",
        said,
    )


def smear(seed: int) -> Image.Image:
    """A wide field of a smear, of which photographs show parts."""
    return scene(seed, 600, 180, spots=110)


@pytest.fixture
def overlapping(tmp_path: Path) -> Callable[[int], Path]:
    """A set whose TRAIN and TEST have parts of one smear in common, so many pixels of 240."""

    def make(common: int) -> Path:
        root = tmp_path / f"{common} common"
        scenes = {f"TRAIN/{name}/{n}.png": scene(10 * n + ord(name)) for name in "AB" for n in range(3)}
        scenes |= {f"TEST/{name}/1.png": scene(500 + ord(name)) for name in "AB"}
        scenes["TRAIN/A/part.png"] = smear(7).crop((60, 0, 300, 180))
        scenes["TEST/A/part.png"] = smear(7).crop((300 - common, 0, 540 - common, 180))
        for name, image in scenes.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            image.save(root / name)
        return root

    return make


def test_photographs_that_overlap_across_the_split_are_a_leak(
    overlapping: Callable[[int], Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        prepared(overlapping(140), tmp_path)
    assert caught.value.problems == ["TRAIN/A/part.png = TEST/A/part.png: one photograph (1 in TRAIN, 1 in TEST)"]
    assert prepared(overlapping(140), tmp_path, leaks="drop").grouping.sides.count("") == 1


def test_photographs_that_touch_are_two(overlapping: Callable[[int], Path], tmp_path: Path) -> None:
    assert not prepared(overlapping(10), tmp_path).grouping.leaks


def test_leaks_that_would_leave_nothing_to_train_on_are_not_dropped(tmp_path: Path) -> None:
    root = write_set(tmp_path / "same", {"TRAIN": 2, "TEST": 2})
    table = root / "photographs.csv"
    table.write_text(
        table.read_text().replace(",TEST/", ",TRAIN/").replace(',"TEST/', ',"TRAIN/')
    )  # every photograph stands in both
    with pytest.raises(DataError) as caught:
        prepared(root, tmp_path, leaks="drop")
    needed = "at least 2 are needed, one to train and one to validate"
    assert caught.value.problems == [
        f"TRAIN/EOSINOPHIL: no images; {needed} (after --leaks drop)",
        f"TRAIN/{ROUND}: no images; {needed} (after --leaks drop)",
    ]


@pytest.mark.parametrize("change", [{"photos": ["a"]}, {"sides": ["TRAIN"]}, {"id": "0" * 16}])
def test_a_record_that_contradicts_itself_is_none(root: Path, tmp_path: Path, change: dict[str, object]) -> None:
    found = prepared(root, tmp_path).grouping
    path = record_path(tmp_path / "cache", found.id)
    assert read_record(path) == found
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert read_record(path) is None


def test_a_class_that_is_added_leaves_the_test_of_the_others_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "no splits"

    def add(name: str, first: int) -> None:
        (root / name).mkdir(parents=True)
        for number in range(8):
            picture(first + number).save(root / name / f"{number}.png")

    def tested() -> set[str]:
        found = prepared(root, tmp_path, photographs="none").grouping
        return {file for file, side in zip(found.files, found.sides, strict=True) if side == "TEST"}

    add("A", 0)
    add("B", 100)
    before = tested()
    assert {file[0] for file in before} == {"A", "B"}
    add("AA", 200)
    assert {file for file in tested() if not file.startswith("AA/")} == before


def test_what_the_folder_tells_and_nobody_uses_is_said(tmp_path: Path) -> None:
    root = tmp_path / "patients"
    for side, name, patient in itertools.product(("TRAIN", "TEST"), "AB", range(3)):
        folder = root / side / name / f"{side}{patient}"
        folder.mkdir(parents=True)
        picture(100 * patient + 10 * ord(name) + len(side)).save(folder / "1.png")
    assert prepared(root, tmp_path).grouping.method == "folders"
    assert prepared(root, tmp_path, photographs="none").notes[-1] == (
        "What the folder itself tells of photographs is not used."
    )
