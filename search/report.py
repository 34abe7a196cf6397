"""Makes the answer of studies again, at any time: a page, its figures, and what MLflow and the Optuna dashboard show.

    python -m search.report --study pooling      runs/studies/pooling/answer.html, checklist.html and figures/
    python -m search.report --all                runs/answer.html: all questions, with a summary on top

A study may still be running: then the page says how far it is, and MLflow and the dashboard get theirs at its end.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from search.commands import ExitStatus, add_place_options, ended, environment_of, new_parser
from search.errors import SettingsError
from search.study.toml_file import load_studies
from search.text import plain
from trainer.outside import files_note, typed

TITLE = "What the studies found"


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("report", __doc__)
    result.add_argument(
        "--study",
        action="append",
        default=[],
        metavar="NAME",
        help="one that was begun; may be given several times",
    )
    result.add_argument("--all", action="store_true", help="every study of studies/ that was begun")
    result.add_argument("--output", type=Path, metavar="FILE", help="the page (default: in the folder of runs)")
    result.add_argument(
        "--figures", type=Path, metavar="DIR", help="write the figures here too, as STUDY-FIGURE.png, for a README"
    )
    result.add_argument(
        "--figure",
        action="append",
        default=[],
        metavar="NAME",
        help="of --figures only these, as accuracy or depth-cost",
    )
    result.add_argument(
        "--margin",
        type=float,
        metavar="SHARE",
        help="the difference in test accuracy that counts as none, for this page (default: the study's)",
    )
    result.add_argument("--files-only", action="store_true", help="leave MLflow and the Optuna dashboard as they are")
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, or 2 for bad input."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(args))


def _main(args: argparse.Namespace) -> int:
    from search.answer import answer_of, find, find_all  # NumPy and matplotlib: not for --help
    from search.pages.page import Drawn, page
    from search.pages.publish import PAGE, figures_of, files_of, recorded_at, tell, write

    if not args.study and not args.all:
        raise SettingsError("Name a study with --study, or --all.")
    if args.figure and args.figures is None:
        raise SettingsError(f"--figure {args.figure[0]}: say where to with --figures DIR")
    places = environment_of(args).places
    studies = [find(name, places) for name in args.study]
    if args.all:  # what the questions are compared with comes first, what searches over all of them last
        studies += find_all(
            [study.name for study in load_studies("reference", "levels", "factorial", "search")], places
        )
    studies = list({study.name: study for study in studies}.values())
    if not studies:
        raise SettingsError(f"{places.runs / 'studies'}: no study was begun there; {typed('search.run')} begins one")
    if args.margin is not None:
        studies = [replace(study, study=study.study.override(margin=args.margin)) for study in studies]
    drawn, links = [], {}
    for study in studies:
        one = Drawn.of(answer_of(study))
        drawn.append(one)
        links[study.name] = () if args.files_only else recorded_at(places, study)
        files = files_of(one, links[study.name])
        write(files, places.study(study.name))
        if args.figures is not None:
            named = {f"{study.study.name}-{key}": (key, png) for key, png in figures_of(one).items()}
            wanted = {
                name: png
                for name, (key, png) in named.items()
                if not args.figure or key in args.figure or name in args.figure
            }
            write({f"{name}.png": png for name, png in wanted.items()}, args.figures)
        print(f"{study.name}: {study.study.question}")
        print(textwrap.fill(one.answer.sentence, 78, initial_indent="  ", subsequent_indent="  "))
        if study.holder:
            print(f"  Running ({study.holder}); MLflow and the Optuna dashboard are told at its end.")
        elif not args.files_only:
            for problem in tell(one.answer, files, places):
                print(f"  Not told: {problem}", file=sys.stderr)
    single = len(drawn) == 1 and not args.all
    target = args.output or (places.study(studies[0].name) if single else places.runs) / PAGE
    if not single or args.output:
        folders = {one.name: _way(target.parent, places.study(one.name)) for one in drawn}
        text = page(drawn, "" if single else TITLE, folders=folders, links=links)
        write({target.name: plain(text).encode()}, target.parent)
    print(f"\nPage: {target}")
    if note := files_note(places.runs):
        print(note)
    return ExitStatus.DONE


def _way(start: Path, folder: Path) -> str:
    """From the page's folder to a study's, as a page's address: `studies/pooling/`."""
    try:
        way = os.path.relpath(folder, start)
    except ValueError:  # another drive of Windows
        return f"{folder.absolute().as_uri()}/"
    return "" if way == "." else f"{quote(Path(way).as_posix())}/"


if __name__ == "__main__":
    sys.exit(main())
