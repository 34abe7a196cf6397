"""Ctrl-C says at once what happens, and how to hurry."""

from __future__ import annotations

import os
import signal

import pytest

from search.controller.interruption import interruption
from search.controller.signals import signals_interrupt
from search.folder.record import TrialRecord
from tests.search.workshop import Watcher, Workshop, question


def test_the_sentences() -> None:
    assert interruption(0, again=False) == "Interrupted: no trial is under way, so the run ends now."
    assert interruption(2, again=False) == (
        "Interrupted: 2 trials are trained to the end of the epoch, and then wait for the same command. "
        "Ctrl-C again ends at once."
    )
    assert interruption(1, again=False).startswith(
        "Interrupted: 1 trial is trained to the end of the epoch, and then waits"
    )
    assert interruption(1, again=True).startswith("Interrupted again: trainers are ended now. ")


def test_it_is_said_before_the_epoch_ends(shop: Workshop) -> None:
    """The trainer is in an epoch that ends only when it is told to: what was said then was said at once."""
    view = Watcher()
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        if sentence.startswith("Interrupted: 1 trial "):
            assert shop.controller is not None
            shop.controller.interrupt()  # the epoch hangs: in a hurry now

    def interrupt(record: TrialRecord) -> None:
        if record.events and not said:
            assert shop.controller is not None
            shop.controller.interrupt()

    view.on_trial, view.say = interrupt, say  # type: ignore[method-assign]
    assert shop.run(question(), settings={"faults": {"*": "hang"}}, view=view) == "interrupted"
    assert [sentence for sentence in said if sentence.startswith("Interrupted")] == [
        interruption(1, again=False),
        interruption(1, again=True),
    ]


@pytest.mark.usefixtures("heard_hangups")
def test_a_terminal_that_is_closed_interrupts_but_hurries_nothing() -> None:
    count = 0

    def interrupt() -> None:
        nonlocal count
        count += 1

    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with signals_interrupt(interrupt):
        seen = []
        for kind in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(os.getpid(), kind)
            seen.append(count)
    assert seen == [1, 1, 2, 2, 3]
    assert {kind: signal.getsignal(kind) for kind in before} == before


def test_under_nohup_it_does_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_interrupt(lambda: pytest.fail("interrupted")):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
