"""`python -m trainer.data`: look at a folder of images, draw the demo set, download the public set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.data.demo import DEMO_VERSION, demo_version, ensure_demo
from trainer.data.download import KAGGLE_SET, download
from trainer.errors import DataError

USABLE, PROBLEMS, BAD_USAGE = 0, 1, 2  # exit statuses


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is the exit status. Mistakes are told on stderr."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except DataError as error:
        print(f"{options.prog}: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        return 130  # as shells report a program that Ctrl-C ended
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.data",
        description="Folders of images (JPEG, PNG, TIFF, BMP, WebP): TRAIN/<CLASS>/ and TEST/<CLASS>/, or a folder "
        "for each class, or a labels.csv with the columns file and label.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    say = commands.add_parser(
        "audit",
        help="say what is in a folder and what is wrong with it, and draw two pictures",
        description="Images, photographs, formats and sizes by class and split; duplicates, leaks, bad files. Draws "
        "the class frequencies and a sheet of samples. Status: 0 usable, 1 problems found, 2 no such folder.",
    )
    say.add_argument("folder", metavar="DIR", type=Path, help="the folder")
    say.add_argument("--out", metavar="FOLDER", type=Path, help="where the pictures go (runs/audit/<name of DIR>)")
    say.add_argument("--all", action="store_true", help="print every problem, however many")
    say.set_defaults(run=_audit, prog=say.prog)

    draw = commands.add_parser(
        "demo",
        help="draw the demo set",
        description="Draws stained blood cells of four classes, in some seconds. Nothing is downloaded.",
    )
    draw.add_argument("folder", metavar="DIR", type=Path, help="a new or empty folder")
    draw.set_defaults(run=_demo, prog=draw.prog)

    fetch = commands.add_parser(
        "download",
        help="download the public blood-cell set",
        description=f"Brings {KAGGLE_SET} from Kaggle (12,444 images, about 110 MB) through kagglehub, which "
        "pip install '.[download]' installs. No account is needed.",
    )
    fetch.add_argument("folder", metavar="DIR", type=Path, help="a new or empty folder")
    fetch.set_defaults(run=_download, prog=fetch.prog)
    return parser


def _audit(options: argparse.Namespace) -> int:
    from rich.console import Console  # rich and matplotlib take a while: only where something is shown or drawn
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from trainer.data.audit import audit, print_audit

    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("Reading", total=None)
        found = audit(options.folder, progress=lambda done, total: bar.update(task, completed=done, total=total))
    print_audit(found, console, everything=options.all)
    out = options.out or Path("runs", "audit", found.index.name or "folder")

    from trainer.data.pictures import draw_frequencies, draw_samples

    try:
        out.mkdir(parents=True, exist_ok=True)
        for what, draw in (("Class frequencies", draw_frequencies), ("Sample images", draw_samples)):
            path = out / f"{what.lower().replace(' ', '_')}.png"
            draw(found, path)
            console.print(f"{what}: {path}", markup=False, highlight=False, soft_wrap=True)
    except OSError as error:
        raise DataError(f"The pictures cannot be written to {out}: {error.strerror or error}.") from error
    return USABLE if found.usable else PROBLEMS


def _demo(options: argparse.Namespace) -> int:
    there = demo_version(options.folder) == DEMO_VERSION
    ensure_demo(options.folder)
    print(f"The demo set {'was there already' if there else 'is drawn'}: {options.folder}")
    return USABLE


def _download(options: argparse.Namespace) -> int:
    fetched = download(options.folder)
    print(f"{'Downloaded' if fetched else 'TRAIN/ and TEST/ are there already'}: {options.folder}")
    print(f"Look at them: python -m trainer.data audit '{options.folder}'")
    return USABLE


if __name__ == "__main__":
    sys.exit(main())
