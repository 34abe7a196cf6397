"""SIGKILL of the controller at every boundary: the next start brings everything together."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from search.study import Study
from tests.faults.controllers import BOUNDARIES, Controllers, controllers, wait_until_no_trainer_is_left
from tests.faults.installation import Installation, embedded
from tests.search.noop_trainer import expected
from tests.search.workshop import hunt, question

MOMENTS = [(boundary, after) for boundary in BOUNDARIES for after in (False, True)]
SEARCH = hunt(36, sampler="random", objectives=["val_accuracy"])
DESIGN = question((0.01, 0.001), seeds=18)


def kill(here: Installation, made: Controllers, study: Study, boundary: str, after: bool, nth: int) -> None:
    """One controller, killed; what was finished before is the same afterwards, to the byte."""
    before = here.books.journals(study.name)
    status = made.run(study, boundary=boundary, after=after, nth=nth)
    assert status == -signal.SIGKILL, f"{boundary}: ended with {status} and not killed: {made.words()[-2000:]}"
    wait_until_no_trainer_is_left(here.places.runs)
    now = here.books.journals(study.name)
    assert {name: now[name] for name in before} == before


def finish(here: Installation, made: Controllers, study: Study, trials: int, kills: int) -> None:
    """The last controller ends the study; each kill cost at most the trial in flight."""
    before = here.books.journals(study.name)
    assert made.run(study) == 0, made.words()[-2000:]
    wait_until_no_trainer_is_left(here.places.runs)
    records = here.books.check(study.name, trials)
    now = here.books.journals(study.name)
    assert {name: now[name] for name in before} == before
    assert here.books.attempts(study.name) <= trials + kills
    for record in records:
        assert record.finished is not None
        assert record.finished.splits["val"].accuracy == expected(record.config)["val"]


def nth_of(boundary: str, kill: int) -> int:
    """Which call ends the controller: another from kill to kill, and early, so that the trials last."""
    match boundary:
        case "journal" | "MLflow":
            return 1 + 4 * kill % 11
        case "queue":
            return 1 + kill % 4
        case _:
            return 1 + kill % 3


def study_of(boundary: str) -> Study:
    return DESIGN if boundary == "queue" else SEARCH


def test_killed_at_each_boundary_once(here: Installation, tmp_path: Path) -> None:
    """One study, one kill after the other."""
    with controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data)) as made:
        moments = [moment for moment in MOMENTS if moment[0] != "queue"]
        for boundary, after in moments:
            kill(here, made, SEARCH, boundary, after, 2)
        finish(here, made, SEARCH, 36, len(moments))


def test_killed_while_a_new_study_is_told_of(here: Installation, tmp_path: Path) -> None:
    """Optuna has the study by then, and its folder is not noted to have begun: it is nobody else's for that."""
    with controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data)) as made:
        for after in (False, True):
            kill(here, made, SEARCH, "MLflow", after, 1)
        finish(here, made, SEARCH, 36, 2)


def test_killed_while_the_queue_is_written(here: Installation, tmp_path: Path) -> None:
    with controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data)) as made:
        for after in (False, True):
            kill(here, made, DESIGN, "queue", after, 5)
        finish(here, made, DESIGN, 36, 2)


@pytest.mark.faults
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_killed_ten_times_at_each_boundary(boundary: str, tmp_path: Path, tiny_images: Path, templates: Path) -> None:
    for after in (False, True):
        here = embedded(tmp_path / f"Ada's runs {after}", tiny_images, templates)
        given: dict[str, Any] = {"runs": str(here.places.runs), "data": str(here.data)}
        study = study_of(boundary)
        with controllers(tmp_path / f"log {after}", **given) as made:
            for number in range(10):
                kill(here, made, study, boundary, after, nth_of(boundary, number))
            finish(here, made, study, 36, 10)
