"""`python -m trainer.data`: look at a folder of images, draw the demo set, download the public set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from trainer.command import command, refused
from trainer.data.demo.demo import DEMO_VERSION, demo_version, ensure_demo
from trainer.data.download import KAGGLE_SET, download
from trainer.data.options import add_data_options, data_options
from trainer.errors import DataError
from trainer.outside import typed

USABLE, PROBLEMS, BAD_USAGE = 0, 1, 2  # exit statuses


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is the exit status. Mistakes are told on stderr."""
    options = _parser().parse_args(arguments)
    with command():
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    try:
        status: int = options.run(options)
    except DataError as error:
        print(f"{options.prog}: {error}", file=sys.stderr)
        return BAD_USAGE
    except PermissionError as error:
        print(f"{options.prog}: {refused(error)}", file=sys.stderr)
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
        help="say what is in a folder, which images show one photograph, and what is wrong; draw pictures",
        description="Images, photographs, formats and sizes by class and split; duplicates, leaks, bad files. Draws "
        "the class frequencies, a sheet of samples, a sheet of photographs with their copies, and one of photographs "
        "that stand in several splits. Status: 0 usable, 1 problems found, 2 no such folder.",
    )
    say.add_argument("folder", metavar="DIR", type=Path, help="the folder of images")
    add_data_options(say)
    say.add_argument("--csv", metavar="FILE", type=Path, help="write a table that --photographs takes")
    say.add_argument("--cache", metavar="DIR", type=Path, default=Path("runs/cache"), help="image cache (%(default)s)")
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

    from trainer.data.audit.audit import audit, print_audit, write_csv

    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        reading, finding = bar.add_task("Reading", total=None), bar.add_task("Photographs", total=None)
        found = audit(
            options.folder,
            options.cache,
            data_options(options),
            progress=lambda done, total: bar.update(reading, completed=done, total=total),
            finding=lambda done, total: bar.update(finding, completed=done, total=total),
        )
    print_audit(found, console, everything=options.all)
    out = options.out or Path("runs", "audit", found.index.name or "folder")

    from trainer.data.audit.pictures import draw_frequencies, draw_samples
    from trainer.data.audit.sheets import draw_leaks, draw_photographs
    from trainer.data.images.depth import common_ranges

    grouping, good = found.grouping, found.good
    ranges = common_ranges(result.extent for result in found.results)
    pictures: dict[str, Callable[[Path], None]] = {
        "Class frequencies": lambda path: draw_frequencies(found, path),
        "Sample images": lambda path: draw_samples(found, path),
    }
    if grouping is not None:
        pictures["Photographs"] = lambda path: draw_photographs(good, grouping, path, ranges)
    if grouping is not None and grouping.leaks:
        pictures["Leaks"] = lambda path: draw_leaks(good, grouping, path, ranges)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for what, draw in pictures.items():
            path = out / f"{what.lower().replace(' ', '_')}.png"
            draw(path)
            console.print(f"{what}: {path}", markup=False, highlight=False, soft_wrap=True)
    except OSError as error:
        raise DataError(f"The pictures cannot be written to {out}: {error.strerror or error}.") from error
    if options.csv is not None:
        try:
            write_csv(found, options.csv)
        except OSError as error:
            raise DataError(f"{options.csv} cannot be written: {error.strerror or error}.") from error
        console.print(f"Photographs as a table: {options.csv}", markup=False, highlight=False, soft_wrap=True)
    return USABLE if found.usable else PROBLEMS


def _demo(options: argparse.Namespace) -> int:
    there = demo_version(options.folder) == DEMO_VERSION
    ensure_demo(options.folder)
    print(f"The demo set {'was there already' if there else 'is drawn'}: {options.folder}")
    return USABLE


def _download(options: argparse.Namespace) -> int:
    fetched = download(options.folder)
    print(f"{'Downloaded' if fetched else 'TRAIN/ and TEST/ are there already'}: {options.folder}")
    print(f"Look at them: {typed('trainer.data', 'audit')} '{options.folder}'")
    return USABLE


if __name__ == "__main__":
    sys.exit(main())
