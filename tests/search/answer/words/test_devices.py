"""Devices of different kinds in one study."""

from __future__ import annotations

from dataclasses import replace

from search.answer.words.devices import device_caveats, device_facts
from search.folder.record import TrialRecord
from search.study.confirm import CONFIRM_SEED
from search.study.design import reference_params
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt, question

STUDY = question((0.01, 0.001), seeds=2)


def on(device: str, number: int, rate: float, seed: int) -> TrialRecord:
    record = trial_record(number, {"learning_rate": rate, "seed": seed}, seed=seed)
    return replace(record, ready=record.ready.model_copy(update={"device_name": device}))


def test_nothing_is_said_of_devices_that_are_alike() -> None:
    records = [on("A", 0, 0.01, 0), on("A", 1, 0.001, 0)]
    assert device_facts(STUDY, records) == []
    assert device_caveats(STUDY, records) == []


def test_seeds_that_keep_to_a_kind_of_device_are_compared_fairly() -> None:
    records = [on("A", 0, 0.01, 0), on("A", 1, 0.001, 0), on("B", 2, 0.01, 1), on("B", 3, 0.001, 1)]
    assert device_facts(STUDY, records) == [
        ("Trials by device", "A, tensorflow 2.21.0: 2 trials (0-1); B, tensorflow 2.21.0: 2 trials (2-3)"),
        (
            "Devices and levels",
            "All levels of a seed were trained on one kind of device, so that the comparison holds the device fixed.",
        ),
    ]
    assert device_caveats(STUDY, records) == []


def test_a_level_on_one_kind_of_device_is_told() -> None:
    records = [on("A", 0, 0.01, 0), on("B", 1, 0.001, 0), on("A", 2, 0.01, 1), on("B", 3, 0.001, 1)]
    confounded = (
        "Confounded: learning rate 0.01 was trained on other kinds of devices than learning rate 0.001, so that a "
        "difference between them may be one of the devices."
    )
    assert device_caveats(STUDY, records) == [confounded]
    assert device_facts(STUDY, records)[1][1] == (
        "At seeds 0 and 1 (of 2 seeds) levels were trained on different kinds of devices: differences there hold those "
        f"of the devices. {confounded}"
    )


def test_seeds_that_are_mixed_are_told() -> None:
    records = [on("A", 0, 0.01, 0), on("B", 1, 0.001, 0), on("A", 3, 0.01, 1), on("A", 4, 0.001, 1)]
    assert device_caveats(STUDY, records) == []
    facts = dict(device_facts(STUDY, records))
    assert facts["Trials by device"] == "A, tensorflow 2.21.0: 3 trials (0, 3-4); B, tensorflow 2.21.0: 1 trial (1)"
    assert facts["Devices and levels"].startswith("At seed 0 (of 2 seeds) levels were trained on different kinds")


SEARCH = hunt(2, confirm=2)
BEST = {"learning_rate": 0.001, "depth": 2}


def again(device: str, number: int, params: dict[str, object], seed: int) -> TrialRecord:
    seed += CONFIRM_SEED
    record = trial_record(number, {**params, "seed": seed}, seed=seed, role="confirm")  # type: ignore[dict-item]
    return replace(record, ready=record.ready.model_copy(update={"device_name": device}))


def searched(*devices: str) -> list[TrialRecord]:
    """The best at two seeds, then the reference model, on these devices; the search itself ran on one of them."""
    reference: dict[str, object] = dict(reference_params(SEARCH) or {})
    plan = [(dict(BEST), 0), (dict(BEST), 1), (reference, 0), (reference, 1)]
    before = [trial_record(0, reference_params(SEARCH), role="search"), trial_record(1, BEST, role="search")]
    here = [
        again(device, 2 + place, dict(params), seed)
        for place, (device, (params, seed)) in enumerate(zip(devices, plan, strict=True))
    ]
    return before + here


def test_what_a_search_trained_again_on_other_devices_than_the_reference_model_is_told() -> None:
    apart = searched("A", "A", "B", "B")
    confounded = (
        "Confounded: trial 1 was trained again on other kinds of devices than the reference model, so that a "
        "difference between them may be one of the devices."
    )
    assert device_caveats(SEARCH, apart) == [confounded]
    assert dict(device_facts(SEARCH, apart))["Devices and configurations"] == (
        f"At seeds 2000000 and 2000001 (of 2 seeds) configurations were trained on different kinds of devices: "
        f"differences there hold those of the devices. {confounded}"
    )
    fair = searched("A", "B", "A", "B")
    assert device_caveats(SEARCH, fair) == []
    assert dict(device_facts(SEARCH, fair))["Devices and configurations"] == (
        "All configurations of a seed were trained on one kind of device, so that the comparison holds the device "
        "fixed."
    )
    assert [label for label, _ in device_facts(SEARCH, searched("A", "A", "A", "A"))] == ["Trials by device"]


def test_another_version_of_the_backend_is_another_kind_of_device() -> None:
    records = searched("A", "A", "A", "A")
    older = records[-1].ready.model_copy(update={"versions": {"tensorflow": "2.20.0"}})
    records[-2:] = [replace(record, ready=older) for record in records[-2:]]
    assert device_caveats(SEARCH, records)[0].startswith("Confounded: trial 1 was trained again on other kinds")
