"""Measures the project against its peers, side by side, and prints the ratios.

    python -m benchmarks --peer FILE --data DIR
    python -m benchmarks --only overhead --repeat 5

peer      the pooling question by this project and by a script that a user would write (needs --peer)
training  images a second of the reference model, against TensorFlow's normalization fed by decoding JPEG at every epoch
overhead  the cost of a trial without training, against the peer script's own bookkeeping
memory    peak memory of the controller and of a slot

All four take about 15 minutes a repeat on two cores. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import machine, memory, overhead, peer, training
from benchmarks.processes import BenchmarkError
from benchmarks.results import Measured, show
from search.errors import SearchError
from search.settings import Places
from trainer.errors import DataError
from trainer.folder import resolve_data

NAMES = ("peer", "training", "overhead", "memory")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--peer", type=Path, metavar="FILE", help="the script to measure against (diy_study.py)")
    result.add_argument(
        "--data",
        metavar="DIR|demo",
        help="images (default: $BLOOD_CELLS_DIR, else data/blood-cells, else the built-in demo set)",
    )
    result.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    result.add_argument("--repeat", type=_positive, default=3, metavar="N", help="of each measure (%(default)s)")
    result.add_argument("--trials", type=_positive, default=500, metavar="N", help="of `overhead` (%(default)s)")
    result.add_argument("--out", type=Path, metavar="FILE", help="the figures as JSON, every repeat of them")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, 1 where a measure could not be taken, 2 for bad input."""
    args = parser().parse_args(argv)
    console = Console()
    if args.peer and not args.peer.is_file():
        print(f"--peer {args.peer}: there is no such file", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="benchmark-images-") as folder:
        try:
            data, why = resolve_data(args.data, Places.of(folder).cache)
        except DataError as error:
            print(error, file=sys.stderr)
            return 2
        about = {**machine.describe(), "images": f"{why} ({sum(1 for _ in data.glob('*/*/*')):,} files)"}
        for name, text in about.items():
            console.print(f"{name:>8}  {text}", markup=False, highlight=False, soft_wrap=True)
        console.print()
        found, failed = _measure_all(args, data.resolve(), console)
    for measured in found:
        show(measured, console)
    for line in failed:
        console.print(line, markup=False, style="red")
    if args.out:
        _write(args.out, about, found, failed)
    return 1 if failed else 0


def _measure_all(args: argparse.Namespace, data: Path, console: Console) -> tuple[list[Measured], list[str]]:
    repeat = args.repeat
    measures: dict[str, Callable[[], Measured]] = {
        "peer": lambda: peer.measure(args.peer, data, repeat=repeat),
        "training": lambda: training.measure(training.Setting(data), repeat=repeat),
        "overhead": lambda: overhead.measure(repeat=repeat, trials=args.trials),
        "memory": lambda: memory.measure(data, repeat=repeat),
    }
    found, failed = [], []
    for name in NAMES:
        if name not in args.only:
            continue
        if name == "peer" and args.peer is None:
            console.print("peer: skipped, for no script to measure against was named with --peer.")
            continue
        begun = time.perf_counter()
        console.print(f"{name}: measuring, {repeat} times ...")
        try:
            found.append(measures[name]())
            console.print(f"{name}: done in {time.perf_counter() - begun:.0f} s")
        except (BenchmarkError, DataError, SearchError) as error:
            failed.append(f"{name}: not measured: {error}")
            console.print(f"{name}: failed")
    console.print()
    return found, failed


def _write(path: Path, about: dict[str, str], found: Sequence[Measured], failed: Sequence[str]) -> None:
    content = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "machine": about,
        "measures": {measured.name: measured.as_json() for measured in found},
        "failed": list(failed),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
