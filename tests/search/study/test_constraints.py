"""Constraints of a search: what is refused, and what a training exceeds."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from search.controller.equality import check_measures
from search.errors import SettingsError
from search.study import Study
from search.study.constraints import excess, keeps, limits_text
from search.study.diff import meaning_diff
from tests.search.fabricate import ready, trial_record
from tests.search.workshop import hunt, question


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        (
            {"vram": 2000},
            "constraints.vram: unknown; allowed: vram_peak_mib, parameters, flops_per_image, train_s",
        ),
        (
            {"parametres": 2000},
            "constraints.parametres: unknown; did you mean parameters? allowed: vram_peak_mib, parameters, "
            "flops_per_image, train_s",
        ),
        ({"parameters": 0}, "constraints.parameters: found 0; allowed: a number above 0"),
        ({"parameters": "few"}, 'constraints.parameters: found "few"; allowed: a number above 0'),
        ({"train_s": True}, "constraints.train_s: found true; allowed: a number above 0"),
        ([5000], "constraints: found [5000]; allowed: a table of costs, each with a number above 0"),
    ],
)
def test_what_is_no_constraint_is_refused(constraints: Any, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        hunt(constraints=constraints)
    assert [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in raised.value.errors()] == [words]


def test_a_question_has_no_constraints() -> None:
    with pytest.raises(ValidationError, match=r"a question compares all of its levels; constraints need a \[search\]"):
        question(constraints={"parameters": 5000})


def test_a_limit_is_exceeded_by_a_share_as_soon_as_it_is_known() -> None:
    limits = {"parameters": 50_000, "vram_peak_mib": 2000, "train_s": 100}
    begun = trial_record(end="running", n_epochs=1)
    assert excess(limits, begun.events) == {"parameters": pytest.approx(0.9753)}
    on_gpu = trial_record(end="running", n_epochs=1, gpu=True)
    assert excess(limits, on_gpu.events)["vram_peak_mib"] == pytest.approx(1829 / 2000 - 1)
    over = trial_record(n_epochs=4)
    assert excess(limits, over.events) == {
        "parameters": pytest.approx(0.9753),
        "vram_peak_mib": 1.0,  # it is over, and nobody saw it kept
        "train_s": pytest.approx(-0.95),
    }
    assert not keeps({"parameters": 98_764}, over.events)
    assert keeps({"parameters": 98_765, "train_s": 5}, over.events)
    assert keeps({}, over.events)


def test_limits_in_words() -> None:
    limits = {"vram_peak_mib": 2000, "parameters": 5000, "flops_per_image": 1e6, "train_s": 0.5}
    assert limits_text(limits) == (
        "peak VRAM at most 2,000 MiB, parameters at most 5,000, FLOPs per image at most 1,000,000, training time at "
        "most 0.5 s"
    )


def test_another_limit_is_a_change_of_meaning() -> None:
    """Optuna lets nobody change what it was told of a constraint."""
    old, new = (hunt(constraints={"parameters": limit}).canonical() for limit in (5000, 6000))
    assert meaning_diff(old, new) == ["constraints.parameters: 5000.0 -> 6000.0"]
    assert meaning_diff(hunt().canonical(), new) == ["constraints.parameters: none -> 6000.0"]
    assert "constraints" not in hunt().canonical()
    study = hunt(constraints={"parameters": 5000})
    assert study.quick().constraints == {"parameters": 5000}
    assert Study.model_validate(study.model_dump(mode="json")) == study


def test_what_is_measured_on_gpus_alone_is_refused_elsewhere() -> None:
    study = hunt(objectives=["val_accuracy", "vram_peak_mib"], constraints={"vram_peak_mib": 2000})
    with pytest.raises(SettingsError) as raised:
        check_measures(study, ready())
    assert str(raised.value) == (
        "The study hunt has objectives: vram_peak_mib, constraints: vram_peak_mib, which is measured on GPUs alone; "
        "found a trainer on x86_64 (CPU). Train on a GPU, or take it off: the objective "
        '"cost" is the parameters where VRAM is not measured.'
    )
    check_measures(study, ready(gpu=True))
    check_measures(hunt(constraints={"parameters": 5000}), ready())
