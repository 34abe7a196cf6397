"""All studies and their state.

python -m search.list
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from search.console.progress import WIDTH
from search.errors import SearchError
from search.folder.journal import read_trials
from search.folder.lock import holder_of
from search.settings import Places
from search.study import Study
from search.study.design import trial_count
from search.study.toml_file import load_study, study_names


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m search.list", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--runs", metavar="DIR", help="folder of everything embedded ($SEARCH_RUNS_DIR, else runs)")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    args = parser().parse_args(argv)
    places = Places.of(args.runs)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        console.print(_table(places))
    except SearchError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def _table(places: Places) -> Table:
    table = Table(title=f"Studies in {places.runs}", title_justify="left")
    for column in ("study", "trials", "complete", "failed", "state", "images", "question"):
        table.add_column(column, justify="right" if column in ("trials", "complete", "failed") else "left")
    begun = set()
    for path in sorted(places.study("x").parent.glob("*/study.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        study = Study.model_validate(manifest["study"])
        begun.add(study.name)
        table.add_row(manifest["name"], *_state(path.parent, study), _images(manifest["data"]), study.question)
    for name in study_names():
        if name not in begun:
            study = load_study(name)
            table.add_row(name, str(trial_count(study)), "", "", "not begun", "", study.question, style="dim")
    return table


def _state(folder: Path, study: Study) -> tuple[str, str, str, str]:
    counts = Counter(record.state for record in read_trials(folder / "trials"))
    total = trial_count(study)
    over = counts["COMPLETE"] + counts["FAIL"] + counts["PRUNED"]
    holder = holder_of(folder)
    state = f"running ({holder})" if holder else "finished" if over >= total else "stopped"
    return str(total), str(counts["COMPLETE"]), str(counts["FAIL"] + counts["PRUNED"]), state


def _images(data: dict[str, object]) -> str:
    return "demo (drawn cells)" if data["is_demo"] else str(data["root"])


if __name__ == "__main__":
    sys.exit(main())
