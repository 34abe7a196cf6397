"""Studies from Python: load one, run it, read its answer. What is heavy is imported when a function first needs it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.api.answer import StudyAnswer
from search.api.results import Value
from search.errors import SettingsError

if TYPE_CHECKING:
    from search.controller.ending import Outcome
    from search.study import Study


def load_study(name_or_path: str | Path) -> Study:
    """A study: of `studies/` by its name, any other by the path of its TOML file.

    It can be changed before it is run: `study.override(seeds=3, fixed={"color": True})`, `study.quick()`.

    Raises:
        StudyFileError: the file cannot be used; lists every mistake with file and line.
    """
    from search.study import toml_file

    return toml_file.load_study(str(name_or_path))


def read_answer(name: str, *, runs: str | Path | None = None) -> StudyAnswer:
    """The answer of a study that was begun; also while it runs, for the trials that are over.

    Args:
        name: that it runs under, or that of its file: "pooling" finds "pooling-demo-quick" where there is no other.
        runs: the folder of runs; None: `$SEARCH_RUNS_DIR`, else `runs`.

    Raises:
        SettingsError: there is no such study; lists those there are.
        StorageError: a file of the study is damaged.
    """
    from search.answer import answer_of, find
    from search.api.conversion import study_answer
    from search.settings import Places

    places = Places.of(str(runs) if runs is not None else None)
    return study_answer(answer_of(find(name, places)))


def run_study(
    study: str | Path | Study,
    *,
    data: str | Path | None = None,
    runs: str | Path | None = None,
    seeds: int | str | None = None,
    epochs: int | None = None,
    n_trials: int | None = None,
    tune: bool = False,
    fixed: Mapping[str, Value] | None = None,
    quick: bool = False,
    fresh: bool = False,
    wait: bool = False,
    prior: bool = True,
    slots: int | None = None,
    executor: str | None = None,
    hosts: str | None = None,
    use_stack: bool = True,
    photographs: str | None = None,
    leaks: Literal["stop", "drop", "keep"] = "stop",
    skip_bad_files: bool = False,
    quiet: bool = False,
) -> StudyAnswer:
    """Runs what is left of a study, has Optuna and MLflow record it, and returns the answer.

    Run again, a study goes on where it stopped. Messages of errors name settings as the flags of
    `python -m search.run`, which does the same.

    Args:
        study: a name of `studies/`, the path of a TOML file, or a study from `load_study`.
        data: the folder of images, or "demo"; None: `$BLOOD_CELLS_DIR`, else `data/blood-cells`, else the demo set.
        runs: the folder of runs; None: `$SEARCH_RUNS_DIR`, else `runs`.
        seeds: how often each level of a question is trained; "5 to 20": until it is decided; None: as the study says.
        epochs: passes over the training images in each trial, with `epochs_after_start` the most; None: as the study
            says.
        n_trials: how many trials a search has; None: as the study says.
        tune: trains each level at a third of the learning rate, at it and at three times it, and judges it at its own.
        fixed: other settings of `trainer.config.TrainConfig`, the same in every trial.
        quick: a few minutes on two cores: small images, fewer epochs, at most 3 seeds. The name ends in `-quick`.
        fresh: begins anew, beside the study that is there.
        wait: waits until other runs on this machine leave all slots free; else what is left is taken.
        prior: whether a new search starts from what questions on the same images found.
        slots: how many trainers run at once, at the most on GPUs; None: what a GPU has room for, or one a core.
        executor: what starts trainers, a name of `search.executors.EXECUTORS`; None: what suits.
        hosts: the machines of the executor "hosts", as "lab1,lab2:2"; None: all of `hosts.toml`.
        use_stack: whether the stack of docker-compose.yml is used where it is up.
        photographs: which images show one photograph: a CSV file, a pattern, "pixels" or "none"; None: what the folder
            tells, else the pixels.
        leaks: where a photograph stands in TRAIN and in TEST: refuse the folder, drop its images from TRAIN, or go on.
        skip_bad_files: leaves out images that cannot be read, in place of refusing the folder.
        quiet: shows no progress.

    Raises:
        StudyFileError: the study, or a change to it, cannot be used; lists every mistake.
        SettingsError: an argument or an environment variable cannot be used.
        trainer.errors.DataError: the folder of images cannot be used; lists every problem.
        ChangedStudyError: the study no longer means what its finished trials were made with.
        LockedError: another process works on this study.
        ExecutorError: trainers cannot be started.
        StorageError: Optuna's or MLflow's store, or the study's folder, cannot be used.
        KeyboardInterrupt: Ctrl-C. Trials under way were put back; the same call goes on.
    """
    given = dict(locals())  # before anything else is local: the arguments
    from search.api.conversion import study_answer
    from search.commands import new_console
    from search.console.callbacks import View
    from search.console.progress import view_for
    from search.controller import session
    from search.controller.options import Options
    from search.environment import chosen
    from search.executors import chosen_hosts
    from trainer.data import DataOptions
    from trainer.folder import resolve_data

    if leaks not in ("stop", "drop", "keep"):
        raise SettingsError(f"leaks={leaks!r}: allowed are 'stop', 'drop' and 'keep'")
    if slots is not None and slots < 1:
        raise SettingsError(f"slots={slots}: at least 1")
    asked = load_study(study) if isinstance(study, str | Path) else study
    asked = asked.quick() if quick else asked
    asked = asked.override(seeds=seeds, epochs=epochs, n_trials=n_trials, tune=tune, fixed=fixed)
    machines = chosen_hosts(hosts, None) if hosts or executor == "hosts" else ()
    executor = "hosts" if machines else executor
    environment = chosen(str(runs) if runs is not None else None, None, None, executor, stack=use_stack)
    environment = replace(environment, hosts=machines)
    folder, why = resolve_data(str(data) if data is not None else None, environment.places.cache)
    view = View() if quiet else view_for(new_console())
    view.say(f"Images: {why}")
    options = Options(
        data=folder,
        slots=slots,
        fresh=fresh,
        images=DataOptions(photographs, leaks, skip_bad_files),
        quick=quick,
        wait=wait,
        prior=prior,
        command=_call(given),
    )
    outcome = session.run_study(asked, options, environment.places, view, environment)
    if outcome.end == "interrupted":
        raise KeyboardInterrupt(f"{outcome.name} was interrupted; the same call goes on")
    return study_answer(outcome.answer, _problems(outcome))


def _call(given: Mapping[str, object]) -> str:
    """The call as a person would write it, for the study's records; `given` are all arguments in their order."""
    study = given["study"]
    words = [repr(str(study)) if isinstance(study, str | Path) else repr(getattr(study, "name", study))]
    for name, parameter in inspect.signature(run_study).parameters.items():
        value = given[name]
        if name != "study" and value != parameter.default:
            words.append(f"{name}={(str(value) if isinstance(value, Path) else value)!r}")
    return f"search.run_study({', '.join(words)})"


def _problems(outcome: Outcome) -> tuple[str, ...]:
    behind = [f"{store} is behind by {count} trials" for store, count in outcome.untold.items()]
    return (*behind, *(f"Not recorded: {refusal}" for refusal in outcome.refused))
