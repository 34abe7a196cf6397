"""The same study on one slot and on four, interrupted and not: the same set of params, seeds and accuracies."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from search.controller.session import Options, run_study
from search.executors import Executor, LocalExecutor, TrainerSource
from search.folder.record import TrialRecord
from search.study import Study
from tests.faults.installation import embedded
from tests.search.workshop import Watcher, hunt, question

Found = Counter[tuple[str, int, float, float]]


def found(records: list[TrialRecord]) -> Found:
    """Params, seed, accuracy on validation and on testing, of each trial."""
    result: Found = Counter()
    for record in records:
        assert record.finished is not None
        splits = record.finished.splits
        params = str(sorted(record.params.items()))
        result[params, record.config.seed, splits["val"].accuracy, splits["test"].accuracy] += 1
    return result


def interrupted_at(left: set[int]) -> Watcher:
    """One Ctrl-C, at an epoch of the first of these trials to have one. It is taken out; the view is for one run."""
    watcher = Watcher()
    struck: list[int] = []

    def strike(record: TrialRecord) -> None:
        if not struck and record.epochs and not record.terminal and record.number in left:
            left.discard(record.number)
            struck.append(record.number)
            os.kill(os.getpid(), signal.SIGINT)

    watcher.on_trial = strike
    return watcher


@pytest.mark.parametrize(
    "study", [question((0.01, 0.001), seeds=8), hunt(16, sampler="random")], ids=["question", "search"]
)
def test_without_training(study: Study, tmp_path: Path, tiny_images: Path, templates: Path) -> None:
    straight = embedded(tmp_path / "straight", tiny_images, templates)
    straight.run(study, slots=1)
    expected = found(straight.books.check(study.name, 16))
    for slots, strikes in ((4, set()), (1, {3, 7}), (4, {2, 9, 12})):
        here = embedded(tmp_path / f"{slots} {len(strikes)}", tiny_images, templates)
        left = set(strikes)
        ends = [here.run(study, slots=slots, view=interrupted_at(left)).end]
        while ends[-1] == "interrupted":
            ends.append(here.run(study, slots=slots, view=interrupted_at(left)).end)
        # A trial beside one that was struck may have ended before its own turn came.
        assert bool(strikes) <= ends.count("interrupted") <= len(strikes)
        assert ends[-1] == "finished"
        assert found(here.books.check(study.name, 16)) == expected


@pytest.mark.faults
def test_with_the_real_trainer(tmp_path: Path, tiny_images: Path, templates: Path) -> None:
    """One thread a slot, small images; the second run is interrupted in its fifth trial."""
    fixed = {"epochs": 3, "image_height": 24, "image_width": 32, "batch_size": 8, "depth": 2}
    study = question((0.01, 0.001), seeds=4, fixed=fixed)

    def make(source: TrainerSource, logs: Path) -> Executor:
        return LocalExecutor(source, logs, gpus=[])

    results: list[Found] = []
    for slots, strikes in ((1, set()), (4, {4})):
        here = embedded(tmp_path / f"{slots}", tiny_images, templates)
        end = "interrupted"
        while end == "interrupted":
            options = Options(tiny_images, slots=slots, command="python -m search.run")
            end = run_study(study, options, here.places, interrupted_at(strikes), make_executor=make).end
        results.append(found(here.books.records("rates")))
    assert sum(results[0].values()) == 8
    assert results[0] == results[1]
