"""The controller with slots on other machines: here processes behind a prefix, without ssh."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.controller.slots import BEAT
from search.errors import ExecutorError, StorageError
from search.executors import HostSettings, HostsExecutor, Mailbox, Resources, Slot, TrainerSource
from search.folder.record import TrialRecord
from tests.search import noop_trainer, workshop
from tests.search.workshop import Watcher, Workshop, question
from trainer.events import Failed, Ready
from trainer.fingerprint import code_fingerprint

GONE = "gave no sign of life for 3 s (--silence-s) and was given up"


@pytest.fixture
def shop(tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch, quick_to_open: None) -> Workshop:
    monkeypatch.setattr("search.executors._command.ALIVE_S", 0.2)
    return workshop.workshop(tmp_path / 'Ada\'s "runs"', storage)


class Machines(HostsExecutor):
    """`lab1` and `lab2`, both this machine, each with a cache of its own; `told` is for the no-op trainers there."""

    def __init__(self, source: TrainerSource, logs: Path, told: dict[str, dict[str, Any]]) -> None:
        source.data.mkdir(exist_ok=True)
        hosts = []
        for name, settings in told.items():
            link = logs.parent / f"link to {name}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.write_text('#!/bin/sh\n[ -e "$0 is cut" ] && exit 255\nexec "$@"\n')
            link.chmod(0o755)
            values = {"name": name, "prefix": (str(link),), "slots": 1, "cache": str(logs.parent / f"cache of {name}")}
            environment = {noop_trainer.VARIABLE: json.dumps(settings)}
            python = {"python": shutil.which("python3") or "python3"}
            hosts.append(HostSettings.model_validate({**values, **python, "environment": environment}))
        self.started: list[Slot] = []
        super().__init__(source, logs, hosts, Resources(gpus=()), command=noop_trainer.COMMAND)

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        slot = super().start(number, mailbox)
        self.started.append(slot)
        return slot

    def slot(self, number: int) -> Slot:
        return next(slot for slot in reversed(self.started) if slot.number == number)


def machines(one: dict[str, Any] | None = None, two: dict[str, Any] | None = None) -> Callable[..., Machines]:
    told = {"lab1": one or {}, **({"lab2": two} if two is not None else {})}
    return lambda source, logs: Machines(source, logs, told)


class Both(Watcher):
    """Lets trainings go on in step, an epoch at a time, so that each of the two machines trains as much."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__()
        self.shop = shop
        self.seen: set[int] = set()
        self.waiting: list[TrialRecord] = []

    def trial(self, record: TrialRecord, tally: Any) -> None:
        super().trial(record, tally)
        if record.epochs and record.terminal is None:
            self.seen.add(record.slot)
            self.waiting.append(record)
        if len(self.seen) == 2:
            for waiting in self.waiting:
                self.shop.step(waiting)
            self.waiting.clear()
            self.seen.clear()


def test_models_come_by_the_pipe_and_the_best_is_kept(shop: Workshop) -> None:
    models = {"models": True}
    assert shop.run(question(seeds=2), slots=2, make=machines(models, models)) == "finished"
    kept = [path.name for path in (shop.place / "models").iterdir()]
    best = max(shop.records(), key=lambda record: record.finished.splits["val"].accuracy)  # type: ignore[union-attr]
    assert kept == [f"{best.config.trial}.keras"]
    assert (shop.place / "models" / kept[0]).read_text() == best.config.trial
    assert {record.ready.machine for record in shop.records()} == {os.uname().nodename}
    assert [list(path.glob("models-*/*")) for path in shop.place.glob("cache of *")] == [[], []]


def test_each_machine_is_sent_the_record_of_photographs(shop: Workshop) -> None:
    record = shop.place / "photographs-0123456789abcdef.json"
    record.write_text('{"id": "0123456789abcdef"}')
    both = machines({"steps": True}, {"steps": True})
    assert shop.run(question(seeds=2), slots=2, view=Both(shop), make=both, record=record) == "finished"
    for name in ("lab1", "lab2"):
        copy = shop.place / f"cache of {name}" / record.name
        assert json.loads(copy.read_text()) == {"id": "0123456789abcdef"}


def test_a_slot_without_a_sign_of_life_is_lost_and_its_trial_trained_again(shop: Workshop) -> None:
    view = Watcher()
    marks = shop.place / "marks"
    marks.mkdir()
    freezes = {"faults": {"*": ["freeze", 2, 1]}, "marks": str(marks)}
    assert shop.run(question(seeds=1), view=view, make=machines(freezes), silence_s=3.0) == "finished"
    assert [said for said in view.said if "lab1" in said] == [f"slot 0 on lab1 {GONE}; trial 0 is trained again"]
    assert [shop.attempts(number) for number in (0, 1)] == [2, 1]
    assert [record.state for record in shop.records()] == ["COMPLETE"] * 2


def test_a_training_that_hangs_is_no_lost_slot(shop: Workshop) -> None:
    """It says that it lives all the time, so --hang-s ends it, and its trial failed."""
    marks = shop.place / "marks"
    marks.mkdir()
    hangs = {"faults": {"*": ["hang", 2, 1]}, "marks": str(marks)}
    assert shop.run(question(seeds=1), make=machines(hangs), silence_s=60.0, hang_s=3.0) == "finished"
    record, other = shop.records()
    assert other.state == "COMPLETE"
    assert isinstance(record.terminal, Failed)
    assert record.terminal.message == "the trainer said nothing for 3 s (--hang-s) and was ended, attempt 1 of 3"


@pytest.mark.parametrize(("losses", "state"), [(9, "COMPLETE"), (10, "FAIL")])
def test_what_is_lost_with_its_machine_is_no_fault_of_the_trial(shop: Workshop, losses: int, state: str) -> None:
    """A connection that ends, again and again, up to a number at which the trial may be what takes machines down."""
    link, lost = shop.place / "link to lab1", [0]

    def lose(record: TrialRecord) -> None:
        if record.number == 0 and record.epochs and record.terminal is None and lost[0] < losses:
            lost[0] += 1
            psutil.Process(record.ready.pid).kill()

    def make(source: TrainerSource, logs: Path) -> Machines:
        made = machines({"steps": True})(source, logs)
        link.write_text('#!/bin/sh\n"$@"\nstatus=$?\n[ $status = 0 ] && exit 0\nexit 255\n')  # as ssh has it
        return made

    class Lose(Watcher):
        def trial(self, record: TrialRecord, tally: Any) -> None:
            super().trial(record, tally)
            shop.step(record)

    assert shop.run(question(seeds=1), view=Lose(lose), make=make) == "finished"
    assert (shop.states(), lost[0]) == ([state, "COMPLETE"], losses)


def test_machines_are_told_that_the_controller_is_there_however_much_others_say(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mailbox is never empty here: whoever asks for mail gets some."""
    monkeypatch.setattr("search.controller.slots.BEAT_S", 0.0)
    monkeypatch.setattr("search.controller.slots.Silence.look", lambda *_: pytest.fail("no mail is waited for"))
    sent: list[str] = []

    class Chatty(Machines):
        def start(self, number: int, mailbox: Mailbox) -> Slot:
            slot = super().start(number, mailbox)
            send = slot.send
            monkeypatch.setattr(slot, "send", lambda line: (sent.append(line), send(line))[1])
            return slot

    monkeypatch.setattr("search.controller.slots.Silence.wait_s", lambda *_: None)
    told = lambda source, logs: Chatty(source, logs, {"lab1": {}})  # noqa: E731
    assert shop.run(question(seeds=1), make=told) == "finished"
    assert sent.count(BEAT) > 2


class Cut(Watcher):
    """Cuts `lab2` off in its first training, and mends the link when the search has noticed; others wait till then."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__()
        self.shop, self.cut = shop, shop.place / "link to lab2 is cut"
        self.waiting: list[TrialRecord] = []
        self.was_cut = self.is_back = False

    def slot_ready(self, slot: int, ready: Ready) -> None:
        if self.was_cut and slot == 1:
            self.is_back = True
            for record in self.waiting:
                self.shop.step(record)

    def trial(self, record: TrialRecord, tally: Any) -> None:
        super().trial(record, tally)
        if record.slot == 1 and record.epochs and not self.was_cut:
            self.was_cut = True
            self.cut.touch()
            psutil.Process(record.ready.pid).kill()
        elif not self.is_back:
            self.waiting.append(record)
        else:
            self.shop.step(record)

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if "tried again while others train" in sentence:
            self.cut.unlink()


def test_a_machine_that_is_away_is_tried_again_while_others_train(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.controller.slot_pool.RESTART_S", 0.05)
    view = Cut(shop)
    steps = {"steps": True}
    assert shop.run(question(seeds=3), slots=2, view=view, make=machines(steps, steps)) == "finished"
    assert view.is_back
    (told,) = [said for said in view.said if "before it was ready" in said]
    assert told.startswith("slot 1 on lab2 ended with status ")
    assert told.endswith("; it is tried again while others train")
    assert [record.state for record in shop.records()] == ["COMPLETE"] * 6
    assert sorted(shop.attempts(number) for number in range(6)) == [1, 1, 1, 1, 1, 2]


def test_machines_that_are_all_away_end_the_run_with_a_word(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.controller.slot_pool.RESTART_S", 0.01)
    monkeypatch.setattr("search.controller.slot_pool.RESTART_PATIENCE_S", 0.3)

    def cut(record: TrialRecord) -> None:
        if record.epochs:
            (shop.place / "link to lab1 is cut").touch()
            psutil.Process(record.ready.pid).kill()

    message = (
        r"No machine has answered for 0\.3 s\. Run the same command to go on when they are back: "
        r"python -m search\.hosts check says which are\."
    )
    with pytest.raises(ExecutorError, match=message):
        shop.run(question(), view=Watcher(cut), make=machines({"steps": True}))
    (shop.place / "link to lab1 is cut").unlink()
    assert shop.run(question(), make=machines()) == "finished"
    assert shop.states() == ["COMPLETE"] * 4


def test_a_trainer_of_other_code_is_refused(shop: Workshop) -> None:
    message = (
        "Slot 0 on lab1 trains with other code than this search: trainer 0.1.0 of fingerprint 0123456789abcdef there, "
        f"0.1.0 of {code_fingerprint()} here."
    )
    with pytest.raises(ExecutorError, match=message):
        shop.run(question(), make=machines({"code": "0123456789abcdef"}))


def test_other_images_are_refused(shop: Workshop) -> None:
    message = (
        r"lab1 has other images than this machine: their fingerprint is abc there and def here\. Copy the folder again "
        r"\(rsync -a --delete\), and run the same command to go on\."
    )
    with pytest.raises(StorageError, match=message):
        shop.run(question(), make=machines({"images": "abc"}), fingerprint="def")
    assert not any(record.epochs for record in shop.records())


def test_devices_of_different_kinds_are_told_once(shop: Workshop) -> None:
    view = Both(shop)
    kinds = machines({"device": "A", "steps": True}, {"device": "B", "steps": True})
    assert shop.run(question(seeds=2), slots=2, view=view, make=kinds) == "finished"
    told = [said for said in view.said if said.startswith("Devices differ")]
    assert len(told) == 1
    assert "slot 0 on lab1: A" in told[0]
    assert "slot 1 on lab2: B" in told[0]
    assert told[0].endswith("levels of one seed are kept on devices of one kind where they can.")
    kinds_of = {(record.config.seed, record.ready.device_name) for record in shop.records()}
    assert len(kinds_of) == 2, "the levels of a seed were trained on both kinds"
