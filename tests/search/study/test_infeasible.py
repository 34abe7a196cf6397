"""What a search does with trials that exceed a constraint, by its sampler."""

from __future__ import annotations

import pytest

from search.study.infeasible import infeasible_text, sampler_of, stops_infeasible
from search.study.samplers import SAMPLERS
from tests.search.workshop import hunt, question

LIMITS = {"parameters": 5000}
INSTALLED = [name for name, entry in SAMPLERS.items() if entry.is_installed and name != "auto"]
FINISHED = (
    "learns of constraints from trials that finished alone: those that exceed one are trained to their end, and are"
)
NOTHING = "learns nothing from constraints: trials that exceed one are stopped and not recommended, and more"


@pytest.mark.parametrize("name", INSTALLED)
def test_what_a_sampler_cannot_learn_from_a_stopped_trial_is_trained_to_its_end_and_said(name: str) -> None:
    study = hunt(60, sampler=name, objectives=["val_accuracy"], constraints=LIMITS)
    learns = SAMPLERS[name].learns_constraints
    assert stops_infeasible(study) == (learns != "COMPLETE")
    said = {
        "PRUNED": None,
        "COMPLETE": f"The sampler {name} {FINISHED} not recommended.",
        None: f"The sampler {name} {NOTHING} like them may be proposed. tpe, gp and nsgaii learn from them.",
    }
    assert infeasible_text(study) == said[learns]
    assert infeasible_text(hunt(sampler=name, objectives=["val_accuracy"])) is None
    assert infeasible_text(question()) is None


def test_the_sentence_names_the_samplers_that_learn() -> None:
    assert [name for name, entry in SAMPLERS.items() if entry.learns_constraints] == ["tpe", "nsgaii", "gp"]


@pytest.mark.parametrize(("torch", "name"), [(True, "gp"), (False, "tpe")])
def test_auto_does_what_the_sampler_does_that_it_takes(monkeypatch: pytest.MonkeyPatch, torch: bool, name: str) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda package: object() if torch or package == "cmaes" else None)
    study = hunt(60, sampler="auto", objectives=["val_accuracy"], constraints=LIMITS)
    assert sampler_of(study) == name
    assert stops_infeasible(study) == (name == "tpe")
    assert (infeasible_text(study) is None) == (name == "tpe")
    assert sampler_of(hunt(60, sampler="auto")) == "tpe", "of two objectives"
    many = hunt(1000, sampler="auto", objectives=["val_accuracy"], constraints=LIMITS)
    assert sampler_of(many) == "cmaes"
    assert str(infeasible_text(many)).startswith("The sampler cmaes learns nothing")
