"""Retrains the configuration that a search recommends, and registers it as the champion.

    python -m search.best --study joint                 on five new seeds
    python -m search.best --study joint --trial 17      another trial of it, say a cheaper one of the Pareto front

It trains on the validation photographs too, as nothing more is chosen; the test images measure it, with intervals. A
search with `confirm` has compared its best with the reference model; else that is retrained too, at the same seeds. The
model goes into MLflow's registry under the search's name, with the alias `champion` and a model card. Interrupted, the
same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from search.commands import (
    ExitStatus,
    add_place_options,
    add_slot_options,
    check_at_least_one,
    ended,
    environment_of,
    new_console,
    new_parser,
    resources_of,
)
from search.console.progress import view_for
from search.controller.ending import Outcome
from search.controller.images import prepare_images
from search.controller.options import Options
from search.controller.session import run_study
from search.environment import Environment
from search.errors import SettingsError
from search.executors import Executor, TrainerSource
from search.folder.record import last_end
from search.settings import Places
from search.stores.mlflow import Tracker
from search.study import Study
from search.text import plain
from trainer.data import DataOptions
from trainer.data.index import example_image
from trainer.folder import resolve_data
from trainer.outside import typed_line

if TYPE_CHECKING:
    from search.answer import StoredStudy
    from search.answer.evidence import Evidence
    from search.folder.record import TrialRecord

ALIAS, CARD = "champion", "model_card.md"
SEEDS = 5

Make = Callable[[TrainerSource, Path], Executor]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("best", __doc__)
    result.add_argument("--study", required=True, metavar="NAME", help="a search that was run, as joint")
    result.add_argument("--trial", type=int, metavar="N", help="its trial (default: the recommended one)")
    result.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="trainings of each model (%(default)s)")
    result.add_argument("--data", metavar="DIR", help="the images (default: the search's)")
    result.add_argument(
        "--reference",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the reference model is retrained beside it (default: unless the search trained both again)",
    )
    how = result.add_argument_group("how to run it")
    add_slot_options(how)
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where trials failed; 2 for bad input; 130 where interrupted."""
    args = parser().parse_args(argv)
    command = typed_line("search.best", sys.argv[1:] if argv is None else argv)
    return ended(lambda: _main(args, command))


def _main(args: argparse.Namespace, command: str) -> int:
    check_at_least_one(args, "seeds", "slots", "threads")
    resources, environment = resources_of(args), environment_of(args)
    request = Request(args.study, args.trial, args.seeds, args.data, args.reference)
    options = Options(Path(), command=command, **asdict(resources))
    return crown(request, options, environment.places, new_console(), environment)


@dataclass(frozen=True)
class Request:
    """What is to be retrained.

    Attributes:
        study: the search.
        trial: its trial; None: the one that the search recommends, else the best by validation.
        seeds: trainings of each model.
        data: the images; None: the search's.
        reference: whether the reference model is trained beside it; None: unless the search trained both again on new
            seeds (`confirm`), and has compared them.
    """

    study: str
    trial: int | None = None
    seeds: int = SEEDS
    data: str | None = None
    reference: bool | None = None


def crown(request: Request, options: Options, places: Places, console: Console, make: Make | Environment) -> int:
    """Retrains, measures, registers, and writes the card. Returns the exit status.

    Raises:
        SettingsError: there is no such search, or no such trial of it.
        SearchError, DataError: as `run_study`.
    """
    from search.answer.evidence import (
        BEST,
        REFERENCE,
        as_long_as_it_learnt,
        evidence_of,
        fixed_of,
        reference_of,
        retraining,
    )

    search, trial, is_compared = _recommended(request, places)
    options.data = _data(request, search, places)
    options.quick = search.quick
    options.images = search.data.options if search.data is not None else DataOptions()
    info, _ = prepare_images(search.study, options.data, places.cache, options.images)
    if search.data is None or info.fingerprint != search.data.fingerprint:
        raise SettingsError(f"--data {options.data}: other images than the search's")
    if info.grouping != search.data.grouping:
        raise SettingsError(f"--data {options.data}: other photographs than the search's ({info.photographs_by})")
    base = reference_of(search.study)
    console.print(f"{search.name}: trial {trial.number}, {trial.label}", markup=False, highlight=False)
    config = as_long_as_it_learnt(trial)
    studies = [retraining(search.study, config, BEST, request.seeds)]
    beside = request.reference if request.reference is not None else not is_compared
    if beside and fixed_of(base) != fixed_of(config):
        studies.append(retraining(search.study, base, REFERENCE, request.seeds))
    studies = [_not_fewer_seeds(search, study) for study in studies]
    outcomes = []
    for study in studies:
        console.rule(f"[bold]{study.name}[/]: {study.question}", align="left")
        options.fresh = _meant_otherwise(search, study)
        outcome = run_study(study, options, places, view_for(console), make)
        outcomes.append(outcome)
        if outcome.end != "finished":
            console.print("\nInterrupted. Run the same command to go on.")
            return ExitStatus.INTERRUPTED
    best = outcomes[0].answer.recorded
    evidence = evidence_of(search, config)
    if evidence is None or (model := _kept(outcomes[0])) is None:
        console.print("No training finished, so nothing was registered; why stands in MLflow and Optuna.")
        return ExitStatus.INCOMPLETE
    _finish(search, trial, best, model, evidence, places, console)
    return (
        ExitStatus.INCOMPLETE
        if any(record.state == "FAIL" for outcome in outcomes for record in outcome.records)
        or not all(outcome.is_told for outcome in outcomes)
        else ExitStatus.DONE
    )


def _recommended(request: Request, places: Places) -> tuple[StoredStudy, TrialRecord, bool]:
    """The search, its trial, and whether the search itself compared that with the reference model on new seeds."""
    from search.answer import answer_of, find

    recorded = find(request.study, places)
    found = answer_of(recorded).search
    if found is None:
        raise SettingsError(f"--study {request.study}: no search; allowed: a search that was run, as joint")
    if request.trial is None:
        if found.recommended is None:
            raise SettingsError(f"--study {request.study}: {found.words.headline}")
        if not found.words.ranks:
            raise SettingsError(f"--study {request.study}: {found.words.headline} (Or name a trial with --trial.)")
        chosen: TrialRecord | None = found.recommended
    else:
        chosen = next((record for record in recorded.searched if record.number == request.trial), None)
    if chosen is not None:
        again = found.confirmed.candidates if found.confirmed is not None and found.confirmed.is_over else ()
        is_compared = any(one.level.is_reference for one in again)
        return recorded, chosen, is_compared and any(one.trial.number == chosen.number for one in again)
    front = ", ".join(str(record.number) for record in found.front) or "none"
    raise SettingsError(f"--trial {request.trial}: no finished trial of {recorded.name}; on the Pareto front: {front}")


def _data(request: Request, search: StoredStudy, places: Places) -> Path:
    if request.data is not None:
        return resolve_data(request.data, places.cache)[0]
    root = Path(search.data.root) if search.data else Path()
    if not root.is_dir():
        raise SettingsError(f"{root}: the search's images are not there; say where they are with --data")
    return root


def _meant_otherwise(search: StoredStudy, study: Study) -> bool:
    """Whether an earlier recommendation was retrained under this name."""
    from search.folder.load import beside

    earlier = beside(search, study.name)
    return bool(earlier) and earlier[0].study.fixed != study.fixed


def _not_fewer_seeds(search: StoredStudy, study: Study) -> Study:
    """With the seeds that were trained before, if it was retrained so: a study's seeds are never taken back."""
    from search.folder.load import beside

    earlier = [other.study.seeds for other in beside(search, study.name)[:1] if other.study.fixed == study.fixed]
    return study.override(seeds=max([study.seeds, *earlier]))


def _kept(outcome: Outcome) -> TrialRecord | None:
    """The trial whose model lies in the study's folder."""
    for record in outcome.records:
        name = record.finished.model_file if record.finished else None
        if name and (outcome.folder / "models" / name).exists():
            return record
    return None


def _finish(
    search: StoredStudy,
    chosen_trial: TrialRecord,
    best: StoredStudy,
    model: TrialRecord,
    evidence: Evidence,
    places: Places,
    console: Console,
) -> None:
    """Model card, registry, and the search's answer with the evidence."""
    from search.answer import answer_of, find
    from search.answer.tables.card import model_card
    from search.folder.manifest import read_manifest
    from search.pages.publish import draw, recorded_at, tell, write

    card = model_card(search, chosen_trial, best, model, evidence, search.name)
    folder = places.study(best.name)
    write({CARD: plain(card).encode()}, folder)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert model.finished is not None
    study = manifest.record
    tracker = Tracker(places.tracking_uri, places.artifacts)
    try:
        file = folder / "models" / str(model.finished.model_file)
        example = example_image(Path(study.data.root))
        known = tracker.look_up(best.name, best.uid)
        model_id = tracker.log_model(study, model, file, study.data.class_names, example)
        if known is not None:
            tracker.show_answer(known, {CARD: plain(card).encode()}, card)
        tracker.end_study(study, "FINISHED", last_end(best.records))
        tags = {"study": search.name, "trial": str(model.number), "demo": str(study.data.is_demo).lower()}
        version = tracker.register(model_id, search.name, ALIAS, card, tags)
    finally:
        tracker.close()
    answer = answer_of(find(search.name, places))
    found = recorded_at(places, search)
    files = draw(
        answer, places.study(search.name), lambda text: console.print(text, markup=False, highlight=False), found
    )
    for problem in tell(answer, files, places):
        console.print(f"Not told: {problem}", markup=False, highlight=False)
    console.print(f"\n{evidence.sentence}", markup=False, highlight=False)
    console.print(f"\nRegistered in MLflow: models:/{search.name}@{ALIAS} (version {version})", highlight=False)
    console.print(f"Model card: {folder / CARD}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
