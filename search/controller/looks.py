"""Looks in a run: which trials a design wants by now, from the journals alone.

What is decided is a pure function of the journals (`search.answer.looks.course`), so a controller that was killed
between a look and the queueing of what it asks for queues the same when it starts again. While replicates of a look
are under way, slots that have nothing to do wait: whatever they trained ahead would be trained on eight slots and not
on one. A look is complete when every replicate that it waits for has an outcome, failures included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from search.controller.queue import Waiting
from search.controller.results import Results
from search.controller.setup import Setup
from search.controller.trial_source import DesignSource
from search.folder.journal import read_trials
from search.study import Study
from search.study.design import Result
from search.study.space import ParamValue


def due(study: Study, journals: Path) -> Mapping[ParamValue, int] | None:
    """The replicates of each level that are wanted by now; None for a study without looks."""
    if not study.looks:
        return None
    from search.answer.looks import course  # NumPy and SciPy: a second or two

    return course(study, read_trials(journals)).due


def design_source(setup: Setup, results: Results) -> DesignSource:
    """Where the trials of a design come from.

    Args:
        setup: of the run, whose study is no search.
        results: is told which levels have left.
    """
    if setup.study.looks:
        return LookingSource(setup, results)
    return DesignSource(setup.study, setup.name, setup.optuna)


class LookingSource(DesignSource):
    """A design whose levels may leave at looks; arguments as of `design_source`."""

    def __init__(self, setup: Setup, results: Results) -> None:
        super().__init__(setup.study, setup.name, setup.optuna)
        self._setup, self._results = setup, results
        self._taken = 0  # looks that were told of

    def extend(self, results: Sequence[Result], under_way: Sequence[Waiting]) -> None:
        wanted = None
        if results:
            from search.answer.looks import course
            from search.answer.words.looks import look_text

            found = course(self._study, read_trials(self._setup.folder))
            wanted = found.due
            if len(found.taken) > self._taken:  # now, or in an earlier run
                self._taken = len(found.taken)
                self._results.left = found.left
                self._setup.callbacks.looked(found.left)
                self._setup.view.say(look_text(self._study, found))
        self._enqueue(results, under_way, wanted)
