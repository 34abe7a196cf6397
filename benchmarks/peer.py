"""The pooling question, from the command line to the end of the process: this project against a peer script.

Both get the same images, levels, seeds and epochs, and an empty folder each: no image cache, no databases. They run in
turn, and who begins changes from repeat to repeat. The image files are read once beforehand, so that neither waits for
the disk.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import PYTHON, BenchmarkError, Ran, run
from benchmarks.results import Measured, ratios
from benchmarks.stores import mlflow_trials, optuna_trials
from benchmarks.study import write_study

LEVELS = ("max", "average", "strided")  # the peer's
SEARCH = (PYTHON, "-m", "search.run")


def measure(
    peer: Path, data: Path, *, repeat: int = 1, epochs: int = 5, seeds: int = 3, search: Sequence[str] = SEARCH
) -> Measured:
    """Both, `repeat` times.

    Args:
        peer: the script; takes --data, --epochs and --seeds.
        search: the project's command.

    Raises:
        BenchmarkError: one of them failed, or did other trials than asked for.
    """
    trials = len(LEVELS) * seeds
    _read_all(data)
    ours: list[Ran] = []
    theirs: list[Ran] = []
    for turn in range(repeat):
        for project in (turn % 2 == 0, turn % 2 == 1):
            with tempfile.TemporaryDirectory(prefix="benchmark-peer-") as folder:
                if project:
                    ours.append(project_run(Path(folder), data, epochs, seeds, search))
                else:
                    theirs.append(_peer_run(peer.resolve(), Path(folder), data, epochs, seeds))
    measured = Measured("peer", f"{trials} trials of {epochs} epochs, everything included")
    our_s, their_s = [ran.wall_s for ran in ours], [ran.wall_s for ran in theirs]
    measured.add("this project", our_s, "s")
    measured.add(peer.name, their_s, "s")
    measured.add("times faster", ratios(their_s, our_s), "x", at_least=3)
    measured.notes.append(
        f"Checked after every run, in the databases: {trials} trials in Optuna and {trials} runs in MLflow, {seeds} of "
        "each level, in both."
    )
    return measured


def project_run(
    folder: Path, data: Path, epochs: int, seeds: int, search: Sequence[str] = SEARCH, *, watch_memory: bool = False
) -> Ran:
    """One run of the project in an empty folder."""
    study = write_study(folder / "pooling.toml", levels=LEVELS, seeds=seeds, epochs=epochs)
    runs = folder / "runs"
    command = [*search, "--study", str(study), "--data", str(data), "--runs", str(runs)]
    ran = run(command, watch_memory=watch_memory)
    _check("this project", runs, seeds)
    return ran


def _peer_run(peer: Path, folder: Path, data: Path, epochs: int, seeds: int) -> Ran:
    command = [PYTHON, str(peer), "--data", str(data), "--epochs", str(epochs), "--seeds", str(seeds)]
    ran = run(command, {"TMPDIR": str(folder)})
    made = next((path.parent for path in folder.glob("*/optuna.db")), None)
    if made is None:
        raise BenchmarkError(f"{peer} left no optuna.db in its temporary folder: its trials cannot be checked")
    _check(peer.name, made, seeds)
    return ran


def _check(who: str, folder: Path, seeds: int) -> None:
    wanted = Counter(dict.fromkeys(LEVELS, seeds))
    for store, found in (
        ("Optuna", optuna_trials(folder / "optuna.db")),
        ("MLflow", mlflow_trials(folder / "mlflow.db")),
    ):
        if found != wanted:
            raise BenchmarkError(
                f"{who} did other trials than asked for: {store} has {dict(found)} of {dict(wanted)} finished"
            )


def _read_all(data: Path) -> None:
    for path in data.glob("*/*/*"):
        path.read_bytes()
