"""The start of a run: journals and stores are brought together.

What the journals know and the stores do not is told; what was under way is trained again under the same number; what
Optuna has lost is queued again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from search.controller.looks import due
from search.controller.results import Results
from search.controller.trial_source import Unfinished
from search.errors import StorageError
from search.folder.journal import read_trials
from search.folder.record import Role
from search.stores.optuna import ROLE, OptunaStudy, trial_params
from search.stores.outbox import Outbox
from search.study import Study
from search.study.conditions import is_whole
from search.study.design import PlannedTrial, config_of, missing, plan
from search.study.space import ParamValue
from trainer.errors import ConfigError

KEPT = (TrialState.COMPLETE, TrialState.PRUNED)  # what the controller alone makes, and from a journal


@dataclass(frozen=True, slots=True)
class _Known:
    """What the journals have of a trial."""

    params: dict[str, ParamValue]
    role: Role


def reconcile(
    study: Study,
    name: str,
    folder: Path,
    store: OptunaStudy,
    outboxes: tuple[Outbox, ...],
    results: Results,
    say: Callable[[str], None] = lambda sentence: None,
) -> list[Unfinished]:
    """Has the stores told what they do not know. Returns the trials that are to be trained, those under way first.

    A trial that somebody queued in Optuna and that cannot be trained, as by a typo, fails there.

    Args:
        study: the design.
        name: of the study.
        folder: of its journals.
        store: Optuna's.
        outboxes: who is told, Optuna first.
        results: empty; what is over is settled there.
        say: for people.

    Raises:
        StorageError: a journal or the storage cannot be read, or they are of two studies.
    """
    known: dict[int, _Known] = {}
    untold: dict[str, list[int]] = {outbox.name: [] for outbox in outboxes}
    optuna, *others = outboxes
    for record in read_trials(folder):
        if not known:
            store.measure_cost_by("vram_peak_mib" if record.ready.vram_measured else "parameters")
            optuna.later(store.note_cost)
        known[record.number] = _Known(dict(record.params), record.role)
        if record.terminal is not None:
            results.settle(record)
            for outbox in others:
                if not outbox.knows(record):
                    untold[outbox.name].append(record.number)
    trials = _restored(study, name, folder, store, known, results)
    # Whatever was noted of Optuna: the storage itself says what it knows.
    untold[optuna.name] = [t.number for t in trials if t.number in results and not t.state.is_finished()]
    for outbox in outboxes:
        for number in untold[outbox.name]:
            outbox.catch_up(number)
    under_way: list[Unfinished] = []
    waiting: list[Unfinished] = []
    for trial in trials:
        if trial.state.is_finished() or trial.number in results:
            continue
        begun = trial.state == TrialState.RUNNING or trial.number in known
        try:
            found = _unfinished(study, store, trial, is_begun=begun)
            config_of(study, found.params, f"{name}-{trial.number:05d}", trial.number)
        except (ConfigError, ValueError) as error:
            if trial.number in known:
                raise
            why = " ".join(str(error).split())
            say(f"Somebody queued trial {trial.number} of {name} in Optuna, and it cannot be trained: {why}. It fails.")
            store.refuse(trial.number, f"config: {why}")
            continue
        (under_way if begun else waiting).append(found)
    return under_way + waiting


def remove_half_saved(models: Path) -> None:
    """Models that a slot was saving when it died: `.NAME.partial.keras`, which nobody reads. No slot may run."""
    for left in models.glob(".*.partial.keras"):
        left.unlink(missing_ok=True)


def _unfinished(study: Study, store: OptunaStudy, trial: FrozenTrial, *, is_begun: bool) -> Unfinished:
    params, role = trial_params(trial), trial.user_attrs.get(ROLE, "search")
    if study.search and role == "search" and not is_whole(study.scientific, params):
        params = store.finish_asking(trial.number)
    return Unfinished(trial.number, params, role, is_begun)


def _restored(
    study: Study, name: str, folder: Path, store: OptunaStudy, known: dict[int, _Known], results: Results
) -> list[FrozenTrial]:
    """Optuna's trials; those that it has lost, or was never told of, are queued again, as the journals know them."""
    trials = store.trials()
    strange = [trial.number for trial in trials if trial.state in KEPT and trial.number not in known]
    lost = range(len(trials), max(known, default=-1) + 1)
    # Of a queue that never arrived, some trials may have been begun and others not: the plan has those.
    there = [trial_params(trial) for trial in trials] + [entry.params for entry in known.values()]
    planned = iter(missing(plan(study, list(results.outcomes), due(study, folder)), there) if lost else ())
    queue: list[PlannedTrial] = []
    for number in lost:
        entry = known.get(number)
        trial = PlannedTrial(dict(entry.params), entry.role) if entry else next(planned, None)
        if trial is not None:
            queue.append(trial)
    if strange or len(queue) < len(lost):
        raise StorageError(
            f"Optuna's study {name} and the journals in {folder} are not of one study "
            f"(Optuna: {len(trials)} trials; journals: {len(known)}; finished and without a journal: "
            f"{', '.join(map(str, strange[:10])) or 'none'}). Give this folder of runs a database of its own "
            "(--storage-url), or start a new study beside it with --fresh."
        )
    if not queue:
        return trials
    store.enqueue(queue)
    store.write_queue()
    return store.trials()
