"""A disk that is full: a clear error, nothing half-written is ever read, and with some space the study goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from search import sync
from search.errors import StorageError
from search.folder.journal import read_trial
from search.folder.record import TrialRecord
from search.settings import Places
from tests.conftest import SmallDisk
from tests.faults.installation import Installation, embedded
from tests.search.workshop import Watcher, question
from trainer.data import ImageSize, prepare
from trainer.errors import DataError

Mount = Callable[[str, int], SmallDisk]
STUDY = question((0.01, 0.001), seeds=4)


@pytest.mark.parametrize("leave", [0, 100, 3000], ids=lambda leave: f"{leave} bytes left")
def test_the_journal_and_both_databases(small_disk: Mount, tiny_images: Path, templates: Path, leave: int) -> None:
    """All of it is on one disk, which is filled when the third trial begins; a line may be cut anywhere."""
    disk = small_disk("Ada's disk", 24)
    here = embedded(disk.folder / "runs", tiny_images, templates)

    def fill(record: TrialRecord) -> None:
        if record.number == 2 and not record.events:
            disk.fill(leave)

    with pytest.raises(StorageError) as raised:
        here.run(STUDY, view=Watcher(fill))
    path = str(raised.value).partition(": ")[0]
    assert str(raised.value) == f"{path}: the journal cannot be written: No space left on device"
    assert Path(path).parent == here.books.folder("rates")
    assert len(here.books.journals("rates")) >= 2
    for journal in here.books.folder("rates").glob("0*.jsonl"):
        read_trial(journal)  # nothing of it is damaged
    disk.fill()  # also what the databases gave back when they were closed
    with pytest.raises((StorageError, DataError)) as raised_again:
        here.run(STUDY)
    assert "No space left on device" in str(raised_again.value)
    disk.free()
    before, view = here.books.journals("rates"), Watcher()
    outcome = here.run(STUDY, view=view)
    assert (outcome.end, outcome.untold, outcome.refused, view.said) == ("finished", {}, [], view.said)
    here.books.check("rates", 8)
    now = here.books.journals("rates")
    assert {name: now[name] for name in before} == before


def test_the_images(small_disk: Mount, tiny_images: Path) -> None:
    disk = small_disk("Ada's disk", 2)
    disk.fill(10_000)
    cache, sizes = disk.folder / "cache", [ImageSize(120, 160, False)]
    with pytest.raises(DataError, match=r"cannot be written in .*: No space left on device\. It needs [0-9.]+ MiB\."):
        prepare(tiny_images, cache, sizes)
    assert not list(cache.glob("images-*"))
    disk.free()
    assert prepare(tiny_images, cache, sizes).decoded
    assert not prepare(tiny_images, cache, sizes).decoded


def test_the_artifacts(
    small_disk: Mount, here: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's files have a disk of their own, where half a file fits: the study ends, and MLflow is told later."""
    disk = small_disk("Ada's artifacts", 1)
    artifacts = here.places.runs / "artifacts"
    artifacts.symlink_to(disk.folder, target_is_directory=True)
    disk.fill(8192)
    monkeypatch.setattr("search.controller.ending.SHORT_WORDS_S", 1.0)
    view = Watcher()
    outcome = here.run(STUDY, view=view)
    assert outcome.end == "finished"
    assert outcome.untold["MLflow"] >= 6
    (said,) = [said for said in view.said if said.startswith("MLflow does not answer")]
    assert "No space left on device" in said
    assert [trial.state.name for trial in here.books.trials("rates")] == ["COMPLETE"] * 8
    disk.free()
    assert sync.main(["--no-stack", "--runs", str(here.places.runs)]) == 0, capsys.readouterr()
    here.books.check("rates", 8)
    measures = list(disk.folder.rglob("measures.json"))
    assert len(measures) == 8
    for file in measures:
        assert json.loads(file.read_text())["epochs_run"] == 3


def test_nothing_at_all_can_be_written(small_disk: Mount, tiny_images: Path) -> None:
    disk = small_disk("Ada's disk", 1)
    disk.fill()
    here = Installation(Places.of(str(disk.folder / "runs")), tiny_images)
    with pytest.raises((StorageError, DataError), match=r"No space left on device|disk is full|unable to open"):
        here.run(STUDY)
    disk.free()
    with closing(open(disk.folder / "proof", "wb")) as file:
        file.write(b"free again")
