"""How well and how fast photographs are found in pixels, against a table that knows them.

    python -m benchmarks.photographs DIR --truth photographs.csv
    python -m benchmarks.photographs DIR --truth photographs.csv --enlarge 12444
    python -m benchmarks.photographs DIR --truth photographs.csv --enlarge 50000 --side 64

The table has the columns `file`, `photograph` and, where photographs show overlapping parts of one smear, `field`.
Of the pairs that were found, those of one field are right (precision); of the pairs of one photograph, those that were
found count (recall). With --enlarge, turned, mirrored, sheared and darkened copies of the images take their place.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from rich.console import Console
from rich.table import Table

from benchmarks.processes import PYTHON, BenchmarkError, run
from trainer.data.photographs import find_photographs
from trainer.errors import DataError


@dataclass(frozen=True)
class Quality:
    """Of a grouping: shares of pairs, adjusted Rand indices (Hubert and Arabie 1985), and counts."""

    precision: float
    recall: float
    rand_photographs: float
    rand_fields: float
    images: int
    groups: int
    photographs: int
    fields: int


def quality(groups: Sequence[Hashable], photographs: Sequence[Hashable], fields: Sequence[Hashable]) -> Quality:
    """Of found `groups` against the truth."""
    found, true = _pairs(groups), _pairs(photographs)
    return Quality(
        precision=_both(groups, fields) / found if found else 1.0,
        recall=_both(groups, photographs) / true if true else 1.0,
        rand_photographs=_adjusted_rand(groups, photographs),
        rand_fields=_adjusted_rand(groups, fields),
        images=len(groups),
        groups=len(set(groups)),
        photographs=len(set(photographs)),
        fields=len(set(fields)),
    )


def _adjusted_rand(one: Sequence[Hashable], other: Sequence[Hashable]) -> float:
    here, there = _pairs(one), _pairs(other)
    by_chance = here * there / max(1, math.comb(len(one), 2))
    most = (here + there) / 2
    return (_both(one, other) - by_chance) / (most - by_chance) if most != by_chance else 1.0


def _both(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    return _pairs(list(zip(one, other, strict=True)))


def _pairs(labels: Sequence[Hashable]) -> int:
    return sum(math.comb(count, 2) for count in Counter(labels).values())


def enlarge(root: Path, truth: Sequence[dict[str, str]], folder: Path, count: int, side: int | None) -> None:
    """Write `count` copies of the images of `root` into `folder`, each photograph as often, and their table."""
    random = np.random.default_rng(0)
    by_photograph: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in truth:
        by_photograph[row["photograph"]].append(row)
    names = sorted(by_photograph)
    rows = []
    for number in range(count):
        of = by_photograph[names[number % len(names)]]
        row = of[int(random.integers(len(of)))]
        with Image.open(root / row["file"]) as image:
            copy = _copy(image.convert("RGB"), random)
        if side is not None:
            copy = copy.resize((side, side), Image.Resampling.BOX)
        name = f"{number}.jpeg"
        copy.save(folder / name, quality=int(random.integers(80, 96)))
        rows.append({**row, "file": name})
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["file", "photograph", "field"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _copy(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """As Keras's image generator makes them, around the middle; corners are black, or smeared from the border."""
    if random.random() < 0.5:
        image = ImageOps.mirror(image)
    if random.random() < 0.5:
        image = ImageOps.flip(image)
    width, height = image.size
    turn, shear, zoom = np.deg2rad(random.uniform(-20, 20)), random.uniform(-0.1, 0.1), random.uniform(0.9, 1.1)
    cosine, sine = np.cos(turn), np.sin(turn)
    linear = zoom * np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1, shear], [0, 1]])
    middle = np.array([width, height]) / 2
    shift = middle + random.uniform(-0.08, 0.08, 2) * (width, height)
    if random.random() < 0.3:
        padded = np.pad(np.asarray(image), ((height, height), (width, width), (0, 0)), mode="edge")
        image, shift = Image.fromarray(padded), shift + np.array([width, height])
    offset = shift - linear @ middle
    matrix = (*linear[0], offset[0], *linear[1], offset[1])
    image = image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return ImageEnhance.Brightness(image).enhance(float(random.uniform(0.7, 1.1)))


def _read(table: Path) -> list[dict[str, str]]:
    """Raises BenchmarkError where the table lacks a column."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BenchmarkError(f"{table} cannot be read: {error.strerror}") from error
    if not rows or not {"file", "photograph"} <= set(rows[0]):
        columns = ", ".join(rows[0]) if rows else "none"
        raise BenchmarkError(
            f"{table} has the columns: {columns}; needed are file and photograph, and at least one row"
        )
    return [{"field": row["photograph"], **row} for row in rows]


def _measure(root: Path, truth: Sequence[dict[str, str]], store: Path, workers: int | None) -> dict[str, object]:
    """In this process: what was found, as JSON."""
    files = [row["file"] for row in truth]
    contents = [hashlib.sha256((root / name).read_bytes()).hexdigest()[:32] for name in files]
    begun, cpu = time.perf_counter(), time.process_time()
    found = find_photographs(root, files, contents, store=store, workers=workers)
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    begun = time.perf_counter()
    find_photographs(root, files, contents, store=store, workers=workers)
    again = time.perf_counter() - begun
    photographs, fields = [row["photograph"] for row in truth], [row["field"] for row in truth]
    copies = [link for link in found.links if photographs[link.first] == photographs[link.second]]
    strangers = [link for link in found.doubtful if fields[link.first] != fields[link.second]]
    return {
        **asdict(quality(found.groups, photographs, fields)),
        "plain": len(found.plain),
        "pairs checked": found.pairs_checked,
        "links of copies: inliers, the fewest and 1 %": _low([link.inliers for link in copies]),
        "links of copies: agreement, the least and 1 %": _low([link.agreement for link in copies]),
        "most inliers of strangers": max((link.inliers for link in strangers), default=0),
        "most agreement of strangers": round(max((link.agreement for link in strangers), default=0.0), 2),
        "seconds": round(seconds, 1),
        "CPU seconds": round(cpu_s, 1),
        "seconds, from the store": round(again, 2),
    }


def _low(values: Sequence[float]) -> str:
    return f"{min(values):.3g}, {np.percentile(values, 1):.3g}" if values else "none"


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.photographs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("folder", type=Path, metavar="DIR")
    result.add_argument("--truth", type=Path, metavar="CSV", required=True)
    result.add_argument("--enlarge", type=int, metavar="N", help="N copies in place of the images")
    result.add_argument("--side", type=int, metavar="PIXELS", help="of these copies (default: as the images)")
    result.add_argument("--workers", type=int, metavar="N", help="threads (default: one for each CPU)")
    result.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in this process, as JSON
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, 1 where it could not be measured, 2 for bad input."""
    args = parser().parse_args(argv)
    try:
        truth = _read(args.truth)
        with tempfile.TemporaryDirectory(prefix="benchmark-photographs-") as place:
            if args.here:
                print(json.dumps(_measure(args.folder, truth, Path(place), args.workers)))
                return 0
            folder, table = args.folder.resolve(), args.truth.resolve()
            if args.enlarge:
                enlarge(folder, truth, Path(place), args.enlarge, args.side)
                folder, table = Path(place), Path(place) / "truth.csv"
            command = [PYTHON, "-m", "benchmarks.photographs", str(folder), "--truth", str(table), "--here"]
            if args.workers:
                command += ["--workers", str(args.workers)]
            ran = run(command, watch_memory=True)
    except (BenchmarkError, DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 1 if args.here or not isinstance(error, BenchmarkError) else 2
    table_of = Table("what", "found", title=f"Photographs in {args.folder}")
    for name, value in json.loads(ran.stdout.splitlines()[-1]).items():
        table_of.add_row(
            name, f"{value:.4f}" if name in ("precision", "recall") or name.startswith("rand") else str(value)
        )
    table_of.add_row("peak memory, MiB", f"{sum(peak for _, peak in ran.peaks):.0f}")
    Console().print(table_of)
    return 0


if __name__ == "__main__":
    sys.exit(main())
