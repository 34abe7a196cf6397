"""`--dry-run`: what a run would do and how long that takes, and whether it could begin. Nothing is written."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from search.addresses.urls import shown_url
from search.controller.foresight import foreseen
from search.controller.options import Options
from search.controller.packing import is_measured
from search.environment import Environment
from search.errors import LockedError, StorageError
from search.executors import Executor, Leases, TrainerSource, room_in_words, share_of
from search.folder.lock import holder_of
from search.folder.manifest import check_storage, identified, read_manifest
from search.folder.names import study_name
from search.settings import Places
from search.stores.mlflow import AddressError, RefusedError
from search.stores.mlflow.embedded import check_file
from search.stores.optuna import check_study, names_in
from search.stores.there import may_be_there
from search.study import Study
from search.study.conditions import condition_text
from search.study.cost import estimate
from search.study.design import is_at_most, plan, trial_count
from search.study.diff import meaning_diff
from search.study.infeasible import infeasible_text
from search.study.samplers import SAMPLERS
from search.text import shown
from trainer.data import Index, scan


def dry_run(study: Study, options: Options, environment: Environment, console: Console, count: str = "") -> None:
    """Says what a run would do.

    Args:
        study: the design.
        options: of the run.
        environment: its places and its executor.
        console: for the user.
        count: which study of several this is, as `2 of 5: `.

    Raises:
        SearchError, DataError: the run would be refused so.
    """
    index, places = scan(options.data), environment.places
    name = study_name(study, places, demo=index.is_demo, quick=options.quick, fresh=options.fresh, taken=names_in)
    folder = places.study(name)
    begins, text = foreseen(study, options, places, folder) if study.search else (study, "")
    executor = environment.make(options.resources, name)(TrainerSource(options.data, places.cache, folder), folder)
    with executor:
        runs_on = executor.check()
        slots, room = _room(executor, min(options.slots or executor.most_slots(), trial_count(study)))
        lines = [
            *_design(begins, text),
            *_code(study),
            f"runs on: {runs_on}; {_slots(executor, options, slots)}{f' ({room})' if room else ''}",
            f"time: {_time(study, index, executor, slots)}",
        ]
    lines += [*_stores(study, name, folder, places), f"goes to: {folder}"]
    console.rule(f"[bold]{count}{name}[/]: {study.question}", align="left")
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _code(study: Study) -> list[str]:
    if study.code is None:
        return []
    return [f"code: {', '.join(study.code.paths)}, which a trainer tries before the first trial"]


def _design(study: Study, begins_with: str) -> list[str]:
    lines = []
    for role, specs in (("compares", study.scientific), ("tunes for each level", study.nuisance)):
        for key, spec in specs.items():
            values = (
                ", ".join(shown(v) for v in spec.levels) if hasattr(spec, "levels") else f"{spec.low} to {spec.high}"
            )
            where = f" {condition_text(spec)}" if spec.when else ""
            lines.append(f"{role}: {key} at {values}{where}")
    if study.tune:
        lines.append(f"tunes for each level: learning_rate at {', '.join(map(shown, study.rates))}, cross-fitted")
    base = study.base_config()
    changed = {key: value for key, value in base.model_dump().items() if key in study.fixed}
    lines.append(
        "fixed: " + (", ".join(f"{key}={shown(value)}" for key, value in changed.items()) or "all at the reference")
    )
    lines.append(
        f"seeds: {_seeds(study)}"
        if not study.search
        else f"sampler: {study.search.sampler}, {SAMPLERS[study.search.sampler].words}"
    )
    if (infeasible := infeasible_text(study)) is not None:
        lines.append(f"constraints: {infeasible}")
    if begins_with:
        lines.append(f"starts from: {begins_with}")
    most = "at most " if is_at_most(study) else ""
    lines.append(f"trials: {most}{trial_count(study)}, the first {len(plan(study))} queued at the start")
    return lines


def _slots(executor: Executor, options: Options, slots: int) -> str:
    if is_measured(executor, options.slots_per_gpu) and slots > executor.default_slots():
        return f"at least 1 slot a GPU, more as they fit, at most {slots} slots"
    return "1 slot" if slots == 1 else f"{slots} slots"


def _seeds(study: Study) -> str:
    if not study.looks:
        return str(study.seeds)
    return f"at most {study.seeds}, looks after {', '.join(map(str, study.looks))}"


def _room(executor: Executor, wanted: int) -> tuple[int, str]:
    """The slots that a run would have now, and what there is to say of others'."""
    capacity = executor.capacity()
    if capacity is None:
        return wanted, ""
    try:
        others = Leases().others()
    except OSError:
        return wanted, ""
    share = share_of(capacity, others, wanted)
    return share.slots, room_in_words(share, others, wanted).rstrip(".")


def _time(study: Study, index: Index, executor: Executor, slots: int) -> str:
    capacity = executor.capacity()
    cores = None if capacity is None else capacity.cores // capacity.threads
    return estimate(study, index, max(1, slots), on_gpu=executor.on_gpu, at_once=cores)


def _stores(study: Study, name: str, folder: Path, places: Places) -> list[str]:
    """Whether both stores take the study, a line each.

    Raises:
        StorageError: one of them never will.
        LockedError: another controller works on the study.
    """
    check_storage(name, folder, places)
    if folder.exists() and (holder := holder_of(folder)):
        raise LockedError(f"The study {name} is being worked on by {holder}. One controller a study.")
    uid, claims = identified(folder)
    there = may_be_there(places.storage_url) and check_study(places.storage_url, name, uid, claims=claims)
    lines = [f"Optuna: {shown_url(places.storage_url)}, the study {'is there' if there else 'would be made'}"]
    lines.append(f"MLflow: {shown_url(places.tracking_uri)}, {_mlflow(places)}")
    noted = read_manifest(folder)
    changes = meaning_diff(noted.record.design, study.canonical()) if noted else []
    if changes:
        lines.append(
            f"would be refused, for it has trials that were made otherwise: {'; '.join(changes)} (see --fresh)"
        )
    return lines


def _mlflow(places: Places) -> str:
    if not may_be_there(places.tracking_uri):
        return "would be made"
    if places.tracking_uri.startswith("sqlite"):
        check_file(places.tracking_uri)
        return "which can be read"
    from search.stores.mlflow.catalog import Catalog  # imports mlflow: a second or two

    try:
        with Catalog(places.tracking_uri, places.artifacts) as catalog:
            catalog.answers()
    except (AddressError, RefusedError):
        raise
    except StorageError as error:
        return f"which does not answer now; the study would go on, and tell it later ({error})"
    return "which answers"
