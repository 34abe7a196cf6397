"""Runs a study with a trainer that does not train, and prints what that cost as JSON.

python -m benchmarks.noop_study --study FILE --data DIR --runs DIR [--slots N] [--profile FILE]
"""

from __future__ import annotations

import argparse
import cProfile
import json
import sys
import time
from pathlib import Path
from typing import Any

import search.controller.session
from search.console.callbacks import View
from search.controller.controller import Controller
from search.controller.phase import Phase
from search.controller.session import Options, run_study
from search.executors import LocalExecutor, TrainerSource
from search.settings import Places
from search.study.toml_file import load_study
from tests.search import noop_trainer

TRAINER = (*noop_trainer.COMMAND, "--size", "public")


class Watched(Controller):
    """Notes how long its critical path is by now, after each trial; profiles it where asked to."""

    profile: cProfile.Profile | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.marks: list[float] = []  # critical_s when so many trials had an outcome
        self.trained_at = 0.0
        self.cpu_s = 0.0  # of this thread, where critical_s counts the time that others keep Python's lock as well
        Watched.last = self

    last: Watched

    def _read(self, mail: Any) -> None:
        begun = time.thread_time()
        if self.profile:
            self.profile.enable()
        super()._read(mail)
        if self.profile:
            self.profile.disable()
        self.cpu_s += time.thread_time() - begun

    def _dispatch(self) -> None:
        begun = time.thread_time()
        if self.profile:
            self.profile.enable()
        super()._dispatch()
        if self.profile:
            self.profile.disable()
        self.cpu_s += time.thread_time() - begun
        if self.phase is not Phase.PREPARING and len(self.results) == len(self.marks):
            self.marks.append(self.critical_s)
            self.trained_at = time.perf_counter()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", required=True, metavar="FILE")
    parser.add_argument("--data", required=True, metavar="DIR", help="images; they are read, and not trained on")
    parser.add_argument("--runs", required=True, metavar="DIR")
    parser.add_argument("--slots", type=int, default=2, metavar="N")
    parser.add_argument("--profile", metavar="FILE", help="cProfile of the critical path, for pstats or snakeviz")
    args = parser.parse_args()

    def executor(source: TrainerSource, logs: Path) -> LocalExecutor:
        return LocalExecutor(source, logs, gpus=(), command=TRAINER)

    search.controller.session.Controller = Watched  # type: ignore[misc]
    if args.profile:
        Watched.profile = cProfile.Profile()
    begun = time.perf_counter()
    options = Options(data=Path(args.data), slots=args.slots)
    outcome = run_study(load_study(args.study), options, Places.of(args.runs), View(), executor)
    ended = time.perf_counter()
    if Watched.profile:
        Watched.profile.dump_stats(args.profile)
    controller = Watched.last
    print(
        json.dumps(
            {
                "end": outcome.end,
                "states": sorted({record.state for record in outcome.records}),
                "untold": outcome.untold,
                "refused": outcome.refused,
                "critical_s": outcome.critical_s,
                "critical_cpu_s": controller.cpu_s,
                "marks_s": controller.marks,
                "trained_s": controller.trained_at - begun,
                "wall_s": ended - begun,
            }
        )
    )
    return 0 if outcome.end == "finished" else 1


if __name__ == "__main__":
    sys.exit(main())
