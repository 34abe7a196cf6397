"""Which trainings the table of trainings gets."""

from __future__ import annotations

from benchmarks import joint_table
from search.study.toml_file import load_study


def test_what_learnt_is_trained_again_before_other_models_one_replicate_of_all_after_another() -> None:
    study = load_study("joint")
    table = {(0, 0): False, (1, 0): True, (1, 1): False, (2, 0): True, (4, 0): False, (4, 1): True, (8, 0): True}
    plan = joint_table.Plan(study, 6, table, replicates=3)
    assert len(plan) == 5
    found = []
    for learnt in (False, True, False, True, True, False, False):
        training = plan.next()
        assert training is not None
        found.append((training.row["config"], training.row["replicate"]))
        plan.took({**training.row, "start_epoch": 7 if learnt else None})
    assert found == [(2, 1), (1, 2), (2, 2), (3, 0), (3, 1), (3, 2), (5, 0)]
    assert plan.next() is None


def test_replicates_have_new_seeds_in_turn_on_all_folds() -> None:
    params = joint_table.drawn(load_study("joint"), 1)[0]
    trained = [joint_table.config_of(params, 0, replicate) for replicate in range(joint_table.REPLICATES)]
    assert [config.seed for config in trained] == [0, 1, 2, 3, 4, 5]
    assert [config.fold for config in trained] == [0, 1, 2, 3, 4, 0]
    assert {config.folds for config in trained} == {joint_table.FOLDS}
