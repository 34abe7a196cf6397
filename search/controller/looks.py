"""Looks in a run: which trials a design wants by now, from the journals alone.

What is decided is a pure function of the journals (`search.answer.looks.course`), so a controller that was killed
between a look and the queueing of what it asks for queues the same when it starts again. While replicates of a look
are under way, slots that have nothing to do wait: whatever they trained ahead would be trained on eight slots and not
on one. A look is complete when every replicate that it waits for has an outcome, failures included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from search.controller.queue import Waiting
from search.controller.trial_source import DesignSource
from search.folder.journal import read_trials
from search.stores.outbox import Outbox
from search.study import Study
from search.study.design import Result
from search.study.space import ParamValue

Looked = Callable[[Mapping[ParamValue, int], str], None]  # levels that have left, after how many replicates; in words


def due(study: Study, journals: Path) -> Mapping[ParamValue, int] | None:
    """The replicates of each level that are wanted by now; None for a study without looks."""
    if not study.looks:
        return None
    from search.answer.looks import course  # NumPy and SciPy: a second or two

    return course(study, read_trials(journals)).due


class LookingSource(DesignSource):
    """A design whose levels may leave at looks.

    Args:
        study: the design.
        name: of the study.
        optuna: who tells Optuna.
        journals: the folder of the trials' journals.
        looked: told of every look that is taken.
    """

    def __init__(self, study: Study, name: str, optuna: Outbox, journals: Path, looked: Looked) -> None:
        super().__init__(study, name, optuna)
        self._journals, self._looked = journals, looked
        self._taken = 0  # looks that were told of

    def extend(self, results: Sequence[Result], under_way: Sequence[Waiting]) -> None:
        wanted = None
        if results:
            from search.answer.looks import course
            from search.answer.looks_in_words import look_text

            found = course(self._study, read_trials(self._journals))
            wanted = found.due
            if len(found.taken) > self._taken:
                self._taken = len(found.taken)
                self._looked(found.left, look_text(self._study, found))
        self._enqueue(results, under_way, wanted)
