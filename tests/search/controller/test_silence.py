"""Which slots are given up for their silence, by a clock that the tests set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from search.controller.slots import START_S, Silence, SlotState

HANG_S, LOST_S = 1000.0, 20.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`clock.now`, in seconds."""
    found = SimpleNamespace(now=100.0)
    found.monotonic = lambda: found.now
    monkeypatch.setattr("search.controller.slots.time", found)
    return found


def slot(waits: bool) -> Any:
    found = SimpleNamespace(where="lab1", waits=waits, killed=0, sent=[])
    found.kill = lambda: setattr(found, "killed", found.killed + 1)
    found.send = found.sent.append
    return found


def test_a_slot_that_waits_for_a_place_is_not_silent(clock: Any) -> None:
    """In a cluster that is full, for as long as it is; from when it has a place, it has as long to start as others."""
    silence, full, there = Silence(HANG_S, LOST_S), slot(waits=True), slot(waits=False)
    states = [SlotState(full), SlotState(there)]
    for state in states:
        state.heard_at = state.alive_at = clock.now
    for _ in range(int(START_S) + 1):
        clock.now += 1.0
        silence.look(states)
    assert (full.killed, there.killed) == (0, 1)
    full.waits = False
    states.pop()
    clock.now += START_S - 1
    assert (silence.look(states), full.killed) == (None, 0)
    clock.now += 1.0
    assert (silence.look(states), full.killed) == (None, 1)
