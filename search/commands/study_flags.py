"""The flags that change a study, and what becomes of it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

from search.errors import SettingsError
from search.study import Study
from search.study.deciding import DECIDING
from search.study.looks import seeds_flag
from search.study.objectives import OBJECTIVES
from search.study.pruners import PRUNERS
from search.study.samplers import SAMPLERS
from search.study.space import ParamValue
from search.study.toml_file import load_study
from search.study.tune import RATE
from trainer.config import TrainConfig, vocabulary_of


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that change a study."""
    change = parser.add_argument_group("changes to the study")
    change.add_argument(
        "--seeds",
        type=seeds_flag,
        metavar='N|"N to M"',
        help='replicates of each level of a question; "5 to 20": a level leaves at a look once it is decided',
    )
    change.add_argument(
        "--epochs", type=int, metavar="N", help="epochs of each trial, with epochs_after_start the most"
    )
    change.add_argument("--n-trials", type=int, metavar="N", help="trials of a search (joint)")
    change.add_argument(
        "--tune",
        action="store_true",
        help="each level at a third of the learning rate, at it and at three times it, judged at its own best",
    )
    change.add_argument(
        "--margin", type=float, metavar="SHARE", help="the difference in the measure that counts as none (0.05)"
    )
    change.add_argument(
        "--measure", metavar="NAME", help=f"what decides: {DECIDING.listed(quote='')} (default: the study's)"
    )
    change.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other fixed setting, as batch_size=32 or color=true; may be given several times",
    )
    change.add_argument(
        "--model", metavar="FILE.py:FUNCTION", help="train the model that this function builds (see README.md)"
    )
    change.add_argument(
        "--quick", action="store_true", help="some minutes on two cores: small images, few epochs, at most 5 seeds"
    )


def vocabularies() -> str:
    """The names that the settings of a study take, a line each: for a command's help."""
    of_settings = {name: vocabulary_of(name) for name in TrainConfig.model_fields}
    tables = {name: table for name, table in of_settings.items() if table is not None}
    tables |= {"measure": DECIDING, "sampler": SAMPLERS, "pruner": PRUNERS, "objectives": OBJECTIVES}
    width = max(map(len, tables))
    lines = [
        textwrap.fill(", ".join(table), 118, initial_indent=f"  {name:{width}}  ", subsequent_indent=" " * (width + 4))
        for name, table in tables.items()
    ]
    return "\n".join(["names that settings take:", *lines])


def settings_of(given: Sequence[str]) -> dict[str, ParamValue]:
    """The settings in texts as `batch_size=32`, with their values as texts.

    Raises:
        SettingsError: a text has another form.
    """
    wrong = [text for text in given if "=" not in text]
    if wrong:
        raise SettingsError(f"--set {wrong[0]}: found no `=`; allowed: NAME=VALUE, as batch_size=32")
    pairs = [text.partition("=") for text in given]
    return {name: value for name, _, value in pairs}  # texts, to be read as TOML


def changed_study(name: str, args: argparse.Namespace, fixed: dict[str, ParamValue]) -> Study:
    """A study of that name or file, as the flags change it.

    Args:
        name: in `studies/`, or a path.
        args: of a parser with `add_changes`.
        fixed: settings, the same in every trial.

    Raises:
        StudyFileError: the file or a change is wrong.
    """
    study = load_study(name)
    if args.quick:
        study = study.quick()
    several = args.all or len(args.study) > 1
    search = study.kind == "search"
    return study.override(
        seeds=None if several and search else args.seeds,
        epochs=args.epochs,
        n_trials=None if several and not search else args.n_trials,
        margin=args.margin,
        measure=args.measure,
        tune=args.tune and not (several and (not study.factors or RATE in study.factors)),
        fixed=fixed,
    )
