"""Which trainings the table of trainings gets."""

from __future__ import annotations

from benchmarks import joint_table
from search.study.toml_file import load_study


def test_the_next_training_is_the_second_of_what_learnt() -> None:
    study = load_study("joint")
    table = {(0, 0): False, (1, 0): True, (1, 1): False, (2, 0): True, (4, 0): False, (4, 1): True, (8, 0): True}
    plan = joint_table.Plan(study, 6, table)
    assert len(plan) == 3
    found = []
    for learnt in (False, True, True, False):
        training = plan.next()
        assert training is not None
        found.append((training.row["config"], training.row["replicate"]))
        assert (training.config.seed, training.config.fold) == (found[-1][1],) * 2
        plan.took({**training.row, "start_epoch": 7 if learnt else None})
    assert found == [(2, 1), (3, 0), (3, 1), (5, 0)]
    assert plan.next() is None
