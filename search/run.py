"""Runs studies: hands their trials to trainers, records each in Optuna and MLflow, and says what was found.

    python -m search.run --study pooling --data DIR       one question, on your images
    python -m search.run --all                            every question of studies/, one after another
    python -m search.run --study pooling --dry-run        what it would do, and how long that takes
    python -m search.run --study my_question.toml         a question of your own (see studies/pooling.toml)

Run again, a study goes on where it stopped. Ctrl-C once lets the epochs under way end; twice ends at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from search.addresses.urls import mlflow_ui
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
from search.commands.dry_run import dry_run
from search.commands.notify import Notifier
from search.commands.study_flags import add_changes, changed_study, settings_of, vocabularies
from search.console.progress import view_for
from search.controller.ending import Outcome
from search.controller.options import HANG_S, Options
from search.controller.session import run_study
from search.controller.setup import SILENCE_S
from search.errors import SettingsError
from search.executors import ALIVE_S
from search.settings import Places
from search.study import Study
from search.study.toml_file import load_studies, study_names
from search.text import duration
from trainer.data.options import add_data_options, data_options
from trainer.folder import resolve_data
from trainer.outside import files_note, typed


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("run", __doc__)
    result.epilog = vocabularies()
    what = result.add_argument_group("what to study")
    what.add_argument(
        "--study",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help=f"a study of studies/ ({', '.join(study_names())}) or a TOML file; may be given several times",
    )
    what.add_argument("--all", action="store_true", help="every question of studies/: every file that compares levels")
    what.add_argument(
        "--data",
        metavar="DIR|demo",
        help="folder of images (default: $BLOOD_CELLS_DIR, else data/blood-cells, else the built-in demo set)",
    )
    add_data_options(what)
    add_changes(result)
    how = result.add_argument_group("how to run it")
    add_slot_options(how)
    how.add_argument(
        "--slots-per-gpu",
        default="auto",
        metavar="N|auto",
        help="trainers that share a GPU (%(default)s: one at first, then more as far as they fit and train faster)",
    )
    how.add_argument("--timeout-s", type=float, metavar="S", help="begin no trial after so many seconds")
    how.add_argument(
        "--hang-s",
        type=float,
        default=HANG_S,
        metavar="S",
        help="end a trainer that says nothing for so many seconds (%(default)g); 0: never",
    )
    how.add_argument(
        "--silence-s",
        type=float,
        default=SILENCE_S,
        metavar="S",
        help="give up a trainer on another machine without a sign of life for so many seconds (%(default)g)",
    )
    how.add_argument("--isolation", choices=["slot", "trial"], default="slot", help="`trial`: each in a new process")
    how.add_argument(
        "--wait", action="store_true", help="wait until other runs leave all slots free; else what is left is taken"
    )
    how.add_argument(
        "--no-prior", action="store_true", help="begin a search without what questions on the same images found"
    )
    how.add_argument("--fresh", action="store_true", help="start anew, beside the study that is there")
    how.add_argument(
        "--notify", metavar="COMMAND", help="tell this command of each end: JSON on stdin (study, state, headline)"
    )
    how.add_argument(
        "--dry-run", action="store_true", help="say what would be done, how long it takes, and whether it can begin"
    )
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where trials failed, or a store does not know everything; 2 for bad
    input; 130 where interrupted.
    """
    args = parser().parse_args(argv)
    return ended(lambda: _main(args, new_console()))


def _main(args: argparse.Namespace, console: Console) -> int:
    names = [*args.study, *((study.name for study in load_studies("levels", "factorial")) if args.all else ())]
    if not names and args.all:
        raise SettingsError("--all: found no question; allowed: a file in studies/ that compares levels")
    if not names:
        raise SettingsError(f"Name a study with --study, or --all. There are: {', '.join(study_names())}.")
    fixed = settings_of([*args.set, *([f"model={args.model}"] if args.model is not None else [])])
    studies = [changed_study(name, args, fixed) for name in dict.fromkeys(names)]  # all are checked before one is run
    resources = resources_of(args)
    check_at_least_one(args, "slots", "threads")
    if args.timeout_s is not None and not args.timeout_s > 0:
        raise SettingsError(f"--timeout-s {args.timeout_s}: more than 0")
    if not args.hang_s >= 0:
        raise SettingsError(f"--hang-s {args.hang_s:g}: at least 0")
    if not args.silence_s >= 2 * ALIVE_S:
        raise SettingsError(
            f"--silence-s {args.silence_s:g}: at least {2 * ALIVE_S:g}; trainers speak every {ALIVE_S:g} s"
        )
    notifier = Notifier(args.notify, lambda sentence: console.print(sentence, markup=False, highlight=False))
    environment = environment_of(args)
    places = environment.places
    data, why = resolve_data(args.data, places.cache)
    console.print(f"Images: {why}", markup=False, highlight=False)
    console.print(f"Executor: {environment.executor} ({environment.why})", markup=False, highlight=False)
    options = Options(
        data=data,
        **asdict(resources),
        timeout_s=args.timeout_s,
        hang_s=args.hang_s or None,
        silence_s=args.silence_s,
        fresh=args.fresh,
        images=data_options(args),
        max_trials_per_slot=1 if args.isolation == "trial" else None,
        quick=args.quick,
        wait=args.wait,
        prior=not args.no_prior,
    )
    if args.dry_run:
        for study in studies:
            dry_run(study, options, environment, console, _count(study, studies))
        return ExitStatus.DONE
    status = ExitStatus.DONE
    for study in studies:
        console.rule(f"[bold]{_count(study, studies)}{study.name}[/]: {study.question}", align="left")
        try:
            outcome = run_study(study, options, places, view_for(console), environment)
        except BaseException as error:
            notifier.failed(study.name, error)
            raise
        _report(study, outcome, places, console)
        notifier.ended(outcome)
        if outcome.end == "interrupted":
            return ExitStatus.INTERRUPTED
        if any(record.state == "FAIL" for record in outcome.records) or not outcome.is_told:
            status = ExitStatus.INCOMPLETE
    return status


def _count(study: Study, studies: Sequence[Study]) -> str:
    """Which of several this is, as `2 of 5: `."""
    return f"{studies.index(study) + 1} of {len(studies)}: " if len(studies) > 1 else ""


def _report(study: Study, outcome: Outcome, places: Places, console: Console) -> None:
    if outcome.records:
        console.print()
        from search.answer.tables.terminal import print_answer

        print_answer(outcome.answer, console)
    failed = [record for record in outcome.records if record.state == "FAIL"]
    if failed:
        console.print(f"\n{len(failed)} trials failed; why stands in Optuna, in MLflow and in {outcome.folder}/trials.")
    for store, count in outcome.untold.items():
        again = f"`{typed('search.sync')}`, or the same command, tells it the rest"
        console.print(f"{store} is behind by {count} trials: {again}.", markup=False)
    for refusal in outcome.refused:
        console.print(f"Not recorded: {refusal}", markup=False)
    if outcome.end == "interrupted":
        console.print("\nInterrupted. Run the same command to go on.")
    if outcome.end == "timeout":
        from search.answer.confirmed import ending_text

        others = ending_text(outcome.answer.recorded)
        console.print(f"\nOut of time. Run the same command to go on.{f' {others}' if others else ''}", markup=False)
    console.print("\nWhere to look:")
    if places.tracking_uri.startswith(("http://", "https://")):
        table = outcome.mlflow_page or mlflow_ui(places.tracking_uri)
        console.print(f"  MLflow:    {table}", markup=False, highlight=False, soft_wrap=True)
        if places.dashboard_url:
            dashboard = outcome.optuna_page or f"{places.dashboard_url}/dashboard"
            console.print(f"  Optuna:    {dashboard}", markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(f"  {typed('search.ui')}      opens MLflow and the Optuna dashboard", highlight=False)
    console.print(f"  {typed('search.list')}    all studies and their state", highlight=False, soft_wrap=True)
    page = outcome.folder / "answer.html"
    if page.exists():
        console.print(f"  {page}    the answer, with figures", highlight=False)
    spent = [r.finished_at - r.started_at for r in outcome.records if r.finished_at]
    if spent:
        console.print(
            f"  {outcome.folder}    journals, models, logs ({duration(sum(spent))} of training)", highlight=False
        )
    if note := files_note(places.runs):
        console.print(f"  {note}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
