"""What Ctrl-C does, in words, as soon as it is pressed."""

from __future__ import annotations

from collections.abc import Iterable

from search.console.callbacks import View
from search.controller.slots import SlotState


class Interruptions:
    """Says what an interruption does, and how to hurry; once for each. Belongs to the controller's thread.

    Args:
        view: for people.
    """

    def __init__(self, view: View) -> None:
        self._view, self._said = view, 0

    def say(self, count: int, slots: Iterable[SlotState]) -> None:
        """The run was interrupted so often by now."""
        if count > self._said:
            self._said = count
            self._view.say(interruption(sum(state.work is not None for state in slots), again=count > 1))


def interruption(busy: int, *, again: bool) -> str:
    """The sentence.

    Args:
        busy: how many trials are under way.
        again: whether it was pressed before.
    """
    if again:
        return "Interrupted again: trainers are ended now. The epochs under way are lost; the same command goes on."
    if not busy:
        return "Interrupted: no trial is under way, so the run ends now."
    return (
        f"Interrupted: {'1 trial is' if busy == 1 else f'{busy} trials are'} trained to the end of the epoch, and then "
        f"{'waits' if busy == 1 else 'wait'} for the same command. Ctrl-C again ends at once."
    )
