from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.data.sets import write_set
from trainer.data import scan
from trainer.data.download import download
from trainer.errors import DataError

Install = Callable[[Callable[[str], str]], None]


@pytest.fixture
def kagglehub(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a kagglehub whose `dataset_download` is the given function."""

    def install(dataset_download: Callable[[str], str]) -> None:
        module = types.ModuleType("kagglehub")
        module.dataset_download = dataset_download  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "kagglehub", module)

    return install


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """As Kaggle's archive unpacks: TRAIN and TEST deep inside, among other things."""
    top = tmp_path / "kaggle cache"
    write_set(top / "dataset2-master" / "dataset2-master" / "images")
    (top / "dataset2-master" / "dataset2-master" / "images" / "TEST_SIMPLE").mkdir()
    (top / "dataset-master").mkdir()
    return top


def test_the_set_is_laid_out(tmp_path: Path, archive: Path, kagglehub: Install) -> None:
    asked: list[str] = []
    kagglehub(lambda name: asked.append(name) or str(archive))  # type: ignore[func-returns-value]
    target = tmp_path / "data" / "blood cells"
    assert download(target)
    assert asked == ["paultimothymooney/blood-cells"]
    assert sorted(path.name for path in target.iterdir()) == ["TEST", "TRAIN"]
    assert len(scan(target).files) == 16
    assert [path.name for path in target.parent.iterdir()] == ["blood cells"]
    assert not download(target)
    assert len(asked) == 1


def test_without_kagglehub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError) as caught:
        download(tmp_path / "x")
    assert str(caught.value) == (
        "kagglehub is not installed: pip install '.[download]' brings it. By hand: download "
        "https://www.kaggle.com/datasets/paultimothymooney/blood-cells in a browser and unpack TRAIN/ and TEST/ from "
        "dataset2-master/dataset2-master/images/."
    )
    assert list(tmp_path.iterdir()) == []


def test_without_a_network(tmp_path: Path, kagglehub: Install) -> None:
    def offline(_: str) -> str:
        raise ConnectionError("Max retries exceeded:\n  www.kaggle.com")

    kagglehub(offline)
    with pytest.raises(DataError) as caught:
        download(tmp_path / "x")
    assert str(caught.value).startswith(
        "The set could not be fetched from Kaggle (ConnectionError: Max retries exceeded: www.kaggle.com). "
        "Is there a network? By hand: download https://"
    )
    assert list(tmp_path.iterdir()) == []


def test_another_layout(tmp_path: Path, kagglehub: Install) -> None:
    kagglehub(lambda _: str(tmp_path))
    with pytest.raises(DataError, match="has no dataset2-master/dataset2-master/images/TRAIN; its layout"):
        download(tmp_path / "x")


def test_a_folder_with_other_things_is_refused(tmp_path: Path, kagglehub: Install) -> None:
    kagglehub(lambda _: pytest.fail("nothing should be fetched"))
    (tmp_path / "x").write_text("x")
    with pytest.raises(DataError, match="is not empty and has no TRAIN/ and TEST/; a new or empty folder is needed"):
        download(tmp_path)
    with pytest.raises(DataError, match="is not empty"):
        download(tmp_path / "x")


def test_nothing_half_copied_stays(
    tmp_path: Path, archive: Path, kagglehub: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    kagglehub(lambda _: str(archive))

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(DataError, match=r"cannot be written to .*: No space left on device"):
        download(tmp_path / "data" / "x")
    assert list((tmp_path / "data").iterdir()) == []
