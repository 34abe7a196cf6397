"""Slots are counted over all controllers of a user on this machine: a second run takes what is left, or waits."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from search.errors import ExecutorError
from search.executors import Executor, Leases, no_room, room_in_words

PAUSE_S = 2.0  # between two looks at what others have


@contextlib.contextmanager
def room_for(
    executor: Executor,
    study: str,
    wanted: int,
    *,
    wait: bool,
    say: Callable[[str], None],
    leases: Leases | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Within, so many slots of this machine are this run's; the executor knows which GPUs and how much memory.

    Args:
        executor: which will start them.
        study: for other controllers' messages.
        wanted: slots.
        wait: whether to wait until all of them are free, in place of taking what is left.
        say: called with a sentence where it waits, or takes fewer.
        leases: of this machine; None: the usual.
        pause: waits so many seconds.

    Raises:
        ExecutorError: nothing is left, and it does not wait.
    """
    capacity = executor.capacity()
    if capacity is None:  # other machines
        yield wanted
        return
    leases = leases or Leases()
    told = ""
    while True:
        with contextlib.ExitStack() as stack:
            try:
                others = leases.others()
                share = stack.enter_context(leases.taken(study, capacity, wanted, all_of_it=wait))
            except OSError as error:
                say(f"What other runs use of this machine is not known: {error}")
                yield wanted
                return
            if share is not None:
                if sentence := room_in_words(share, others, wanted):
                    say(sentence)
                executor.take(share)
                yield share.slots
                return
        sentence = no_room(capacity, others, wanted)
        if not wait:
            raise ExecutorError(f"{sentence} Wait for them with --wait, or end one of them.")
        if sentence != told:
            told = sentence
            say(f"{sentence} Waiting; Ctrl-C gives up.")
        pause(PAUSE_S)
