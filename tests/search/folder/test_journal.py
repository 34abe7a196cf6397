"""The journal: what is read back is what was written, whatever a crash left behind."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from search.errors import StorageError
from search.folder.journal import TrialJournal, read_trial, read_trials, trial_path
from search.folder.record import TrialRecord
from search.stores.delivery_log import DeliveryLog
from tests.search.fabricate import trial_record


def write(folder: Path, record: TrialRecord) -> TrialRecord:
    """The record, by way of the journal."""
    journal = TrialJournal(folder, record.study, record.number, record.params, record.role)
    written = journal.begin(record.config, record.ready, record.slot)
    for event in record.events:
        written = journal.add(written, event)
    journal.close()
    return written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / 'Ada\'s "trials"'
    folder.mkdir()
    return folder


@pytest.mark.parametrize("end", ["finished", "running", "error", "out_of_memory", "stopped"])
@pytest.mark.parametrize("gpu", [False, True])
def test_what_is_read_is_what_was_written(folder: Path, end: str, gpu: bool) -> None:
    record = trial_record(12, {"pooling": "blur", "learning_rate": 1e-4, "color": True}, end=end, gpu=gpu)
    written = write(folder, record)
    assert read_trial(folder / "00012.jsonl") == written
    assert (written.config, written.ready, written.events) == (record.config, record.ready, record.events)
    assert (written.params, written.role, written.slot) == (record.params, record.role, record.slot)
    assert (written.finished_at is None) == (end == "running")
    assert list(read_trials(folder)) == [written]


def test_trials_come_by_number_and_other_files_are_no_trials(folder: Path) -> None:
    for number in (11, 2, 100_000):
        write(folder, trial_record(number))
    DeliveryLog(folder).close()
    (folder / "notes.jsonl").write_text("mine\n")
    assert [record.number for record in read_trials(folder)] == [2, 11, 100_000]
    assert trial_path(folder, 7).name == "00007.jsonl"


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_that_is_set_changes_no_duration(folder: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    record = trial_record(1)
    journal = TrialJournal(folder, record.study, record.number, record.params, record.role)
    written = journal.begin(record.config, record.ready, record.slot)
    now = time.time()
    monkeypatch.setattr("search.folder.journal.time.time", lambda: now + jump_s)
    for event in record.events:
        written = journal.add(written, event)
    assert written.finished_at is not None
    assert 0 <= written.finished_at - written.started_at < 60
    assert read_trial(trial_path(folder, 1)) == written


def test_only_the_last_attempt_counts(folder: Path) -> None:
    write(folder, trial_record(1, end="running", n_epochs=7))
    again = write(folder, trial_record(1, n_epochs=3))
    assert read_trial(trial_path(folder, 1)) == again
    assert len(again.epochs) == 3
    lines = [json.loads(line) for line in trial_path(folder, 1).read_text().splitlines()]
    assert [sorted(line)[1] for line in lines if "event" not in line] == ["journal", "config", "config"]


def test_a_line_that_was_cut_short_is_dropped(folder: Path) -> None:
    """At every byte: the record is that of the lines that are whole, and a new attempt goes on behind them."""
    write(folder, trial_record(1, n_epochs=1))
    path = trial_path(folder, 1)
    content = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
    cuts = sorted({0, 1, len(content) - 1, *ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])})
    for cut in cuts:
        path.write_bytes(content[:cut])
        whole = sum(end <= cut for end in ends)
        found = read_trial(path)
        assert (found is None) == (whole < 2), cut
        assert found is None or len(found.events) == whole - 2
        again = write(folder, trial_record(1, n_epochs=2))
        assert read_trial(path) == again, cut


def flipped(content: bytes, place: int) -> bytes:
    """With another digit at a place."""
    return content[:place] + b"%d" % ((int(content[place : place + 1]) + 1) % 10) + content[place + 1 :]


def test_a_digit_that_flipped_is_noticed(folder: Path) -> None:
    """Wherever it stands; it would still be a number, and another result."""
    write(folder, trial_record(1, n_epochs=2))
    path = trial_path(folder, 1)
    content = path.read_bytes()
    digits = [place for place in range(len(content)) if content[place : place + 1].isdigit()]
    for place in digits[:: len(digits) // 40]:
        path.write_bytes(flipped(content, place))
        line = content.count(b"\n", 0, place) + 1
        with pytest.raises(StorageError) as raised:
            read_trial(path)
        found = "no checksum" if b"crc32" in content[place - 6 : place + 6] else "a checksum that is not its own"
        assert str(raised.value) == (
            f"{path}: line {line} has {found}: it was changed, or a line before it was, or is missing, or is there "
            "twice. Bring the file back from a copy, or start a new study beside it with --fresh"
        )


def test_a_line_that_is_missing_or_there_twice_is_noticed(folder: Path) -> None:
    write(folder, trial_record(1, n_epochs=4))
    path = trial_path(folder, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        twice = [*lines[: place + 1], *lines[place:]]
        swapped = [*lines[:place], *reversed(lines[place : place + 2]), *lines[place + 2 :]]
        without = [*lines[:place], *lines[place + 1 :]]
        last = place == len(lines) - 1  # without it, it is a trial under way
        for changed in (twice, *([] if last else [swapped, without])):
            path.write_bytes(b"".join(changed))
            with pytest.raises(StorageError, match=r"line [0-9]+ has a checksum that is not its own"):
                read_trial(path)


def test_lines_without_a_checksum_are_read_where_no_other_came_before(folder: Path) -> None:
    """As version 0.1 wrote them; a new attempt goes on behind them."""
    path = trial_path(folder, 1)
    written = write(folder, trial_record(1, end="running", n_epochs=2))
    old = re.sub(rb',"crc32":"[0-9a-f]{8}"', b"", path.read_bytes())
    path.write_bytes(old)
    assert read_trial(path) == written
    again = write(folder, trial_record(1, n_epochs=3))
    assert path.read_bytes().startswith(old)
    assert read_trial(path) == again
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-1], re.sub(rb',"crc32":"[0-9a-f]{8}"', b"", lines[-1])]))
    with pytest.raises(StorageError, match=f"line {len(lines)} has no checksum: "):
        read_trial(path)
    path.write_bytes(b"".join([*lines[:1], *lines[2:]]))
    with pytest.raises(StorageError, match="has a checksum that is not its own"):
        read_trial(path)


def test_epochs_and_ends_are_on_the_disk_before_anybody_hears_of_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    path = trial_path(folder, 0)
    monkeypatch.setattr("search.folder.journal.os.fsync", lambda _: synced.append(path.read_bytes().count(b"\n")))
    record = trial_record(0, n_epochs=2)
    write(folder, record)
    assert synced == [4, 5, 6]  # behind the trial, the attempt and `started`: two epochs and the end


def test_a_journal_that_was_not_begun() -> None:
    journal = TrialJournal(Path("nowhere"), "s", 1, {}, "search")
    with pytest.raises(RuntimeError, match="the journal is not open: call begin first"):
        journal.add(trial_record(), trial_record().events[0])
    journal.close()


@pytest.mark.parametrize(
    "content",
    [b"nonsense\n", b'{"journal": 1}\n{"slot": 0}\n', b"\xff\n", b"[]\n", b"1\n", b'{"at": 1, "event": {}}\n'],
)
def test_what_is_no_journal_is_named(folder: Path, content: bytes) -> None:
    path = folder / "00003.jsonl"
    path.write_bytes(content)
    with pytest.raises(StorageError) as raised:
        read_trial(path)
    assert str(raised.value).startswith(f"{path}: this is no journal of a trial, or another version's: ")


def test_a_disk_that_is_full_is_named(folder: Path) -> None:
    record = trial_record(1)
    journal = TrialJournal(folder, "s", 1, {}, "search")
    written = journal.begin(record.config, record.ready, 0)
    journal.close()
    journal._file = open("/dev/full", "ab")  # which takes nothing
    message = "00001.jsonl: the journal cannot be written: No space left on device"
    with pytest.raises(StorageError, match=message):
        journal.add(written, record.events[0])
    with pytest.raises(StorageError, match=message):  # what waits to be written is tried again
        journal.close()
    journal.close()
    assert read_trial(trial_path(folder, 1)) == written


def test_a_folder_that_is_gone_is_named(folder: Path) -> None:
    record = trial_record(1)
    journal = TrialJournal(folder / "gone", "s", 1, {}, "search")
    with pytest.raises(StorageError, match="the journal cannot be written: No such file or directory"):
        journal.begin(record.config, record.ready, 0)


def test_told_is_read_back_by_trial_attempt_and_store(folder: Path) -> None:
    first, again, other = trial_record(1, started_at=1.5), trial_record(1, started_at=2.5), trial_record(2)
    told = DeliveryLog(folder)
    told.add("Optuna", first)
    told.add("MLflow", other)
    for known in (told, DeliveryLog(folder)):
        assert known.knows("Optuna", first)
        assert known.knows("MLflow", other)
        for who, record in (("MLflow", first), ("Optuna", again), ("Optuna", other)):
            assert not known.knows(who, record)
        known.close()


def test_what_cannot_be_read_of_told_is_told_again(folder: Path) -> None:
    told = DeliveryLog(folder)
    told.add("Optuna", trial_record(1))
    told.add("Optuna", trial_record(2))
    told.close()
    path = folder / "told.jsonl"
    path.write_bytes(b'nonsense\n{"who": "Optuna"}\n[]\n' + path.read_bytes()[:-5])
    told = DeliveryLog(folder)
    assert told.knows("Optuna", trial_record(1))
    assert not told.knows("Optuna", trial_record(2))
    told.add("Optuna", trial_record(3))
    told.close()
    again = DeliveryLog(folder)
    assert again.knows("Optuna", trial_record(3))
    again.close()
