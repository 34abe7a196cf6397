"""What a trial costs without training: the search on SQLite with a trainer that does not train, Optuna and MLflow on.

The critical path is what the controller's thread spends on trials, waiting excluded: a slot may stand idle that long.
MLflow is told behind it. Trials that train nothing end faster than MLflow can be told, so the end of such a study is
one long wait for MLflow; with trials of a minute that wait is the last trial's alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import PYTHON, BenchmarkError, run
from benchmarks.results import Measured, ratios
from benchmarks.study import write_study
from trainer.data import write_demo

LEVELS = ("max", "average", "strided", "blur")
EPOCHS = 5  # the peer's


def measure(*, repeat: int = 1, trials: int = 500, slots: int = 2) -> Measured:
    """The project and the peer script's bookkeeping, in turn, `repeat` times.

    Args:
        trials: rounded up to whole levels.

    Raises:
        BenchmarkError: one of them failed.
    """
    seeds = max(1, -(-trials // len(LEVELS)))
    trials = seeds * len(LEVELS)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="benchmark-overhead-") as folder:
        data = Path(folder) / "images"
        write_demo(data, train_photos=3, test_photos=2, copies=(2, 2))
        for turn in range(repeat):
            runs = Path(folder) / f"runs-{turn}"
            runs.mkdir()
            ours.append(_project(runs, data, seeds, slots))
            theirs.append(_bookkeeping(runs, trials))
    group = min(100, trials // 2)
    measured = Measured("overhead", f"{trials} trials of {EPOCHS} epochs that train nothing, on SQLite")
    per_trial = [1000 * found["critical_s"] / trials for found in ours]
    measured.add("critical path of the controller, a trial", per_trial, "ms", below=30)
    measured.add(
        "   of that: making the stores and queueing, once",
        [1000 * found["marks_s"][0] / trials for found in ours],
        "ms",
    )
    first, last = (
        [_spans(found["marks_s"], group) for found in ours],
        [_spans(found["marks_s"], -group) for found in ours],
    )
    measured.add(f"   the first {group} trials, without that", first, "ms")
    measured.add(f"   the last {group} trials", last, "ms")
    measured.add("   growth from first to last", ratios(last, first), "x")
    measured.add("   processor time alone, a trial", [1000 * found["critical_cpu_s"] / trials for found in ours], "ms")
    measured.add("wall until the last trial is over, a trial", [1000 * f["trained_s"] / trials for f in ours], "ms")
    measured.add("wall until MLflow knows all, a trial", [1000 * f["wall_s"] / trials for f in ours], "ms")
    measured.add("trials not told when it gave up waiting", [sum(f["untold"].values()) for f in ours])
    peer = [1000 * found["marks_s"][-1] / trials for found in theirs]
    measured.add("the peer script's own bookkeeping, a trial", peer, "ms")
    peer_first = [_spans(found["marks_s"], group) for found in theirs]
    peer_last = [_spans(found["marks_s"], -group) for found in theirs]
    measured.add("   growth from first to last", ratios(peer_last, peer_first), "x")
    measured.add("peer's bookkeeping over our critical path", ratios(peer, per_trial), "x")
    return measured


def _project(runs: Path, data: Path, seeds: int, slots: int) -> dict[str, Any]:
    study = write_study(runs / "overhead.toml", levels=LEVELS, seeds=seeds, epochs=EPOCHS)
    command = [PYTHON, "-m", "benchmarks.noop_study", "--study", str(study), "--data", str(data)]
    ran = run([*command, "--runs", str(runs), "--slots", str(slots)])
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    if found["states"] != ["COMPLETE"] or found["refused"] or len(found["marks_s"]) != seeds * len(LEVELS) + 1:
        raise BenchmarkError(f"the study without training did not end well: {ran.stdout[-2000:]}")
    return found


def _bookkeeping(folder: Path, trials: int) -> dict[str, Any]:
    place = folder / "peer"
    place.mkdir()
    command = [PYTHON, "-m", "benchmarks.bookkeeping", "--trials", str(trials), "--epochs", str(EPOCHS)]
    ran = run([*command, "--folder", str(place)])
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    if found["trials"] != trials:
        raise BenchmarkError(f"the peer's bookkeeping made {found['trials']} trials of {trials}")
    return found


def _spans(marks_s: Sequence[float], group: int) -> float:
    """Milliseconds a trial over the first `group` trials, or with a negative one over the last."""
    part = marks_s[: group + 1] if group > 0 else marks_s[group - 1 :]
    return 1000 * (part[-1] - part[0]) / (len(part) - 1)
