"""The lines of a trainer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from trainer.events import (
    TERMINAL,
    Alive,
    Epoch,
    Event,
    Failed,
    Finished,
    Model,
    PhotoCount,
    Ready,
    SplitMeasures,
    Started,
    Stopped,
    parse,
    protocol_of,
)

SPLIT = SplitMeasures(
    accuracy=0.5, loss=0.7, macro_f1=0.4, recall=[0.5, None], confusion=[[1, 1], [0, 0]],
    photos=[PhotoCount(photo="TEST/A/_1", label=0, predicted=[1, 1])], wrong={"TEST/A/_1_2.jpeg": 1},
)  # fmt: skip
EVENTS: list[Event] = [
    Alive(),
    Model(trial="a", file="a.keras", part=0, parts=1, size=3, sha256="ab", data="QUJD"),
    Ready(
        backend="jax",
        device="gpu",
        device_name="NVIDIA",
        vram_measured=True,
        threads=2,
        pid=7,
        versions={"keras": "3.15.0"},
    ),
    Started(
        trial="a",
        parameters=5,
        flops_per_image=9,
        images={"train": 3, "val": 1},
        photographs={"train": 1, "val": 1},
        traced=True,
    ),
    Epoch(
        trial="a",
        epoch=1,
        train_loss=1.0,
        train_accuracy=0.5,
        val_loss=1.0,
        val_accuracy=0.5,
        epoch_s=0.1,
        images_per_s=30.0,
        vram_peak_mib=12.5,
    ),
    Finished(
        trial="a", epochs_run=1, splits={"test": SPLIT}, parameters=5, flops_per_image=9, train_s=1.0, images_per_s=3.0
    ),
    Finished(
        trial="a",
        epochs_run=30,
        start_epoch=10,
        splits={
            "test": SPLIT.model_copy(
                update={
                    "confusion": [[0.4, 1.6], [0, 0]],
                    "photos": [PhotoCount(photo="TEST/A/_0", label=0, predicted=[0.4, 1.6])],
                }
            )
        },
        parameters=5,
        flops_per_image=9,
        train_s=1.0,
        images_per_s=3.0,
    ),
    Failed(trial="a", kind="out_of_memory", message="zwei\nZeilen ü", epoch=2, requested_mib=117.2),
    Stopped(trial="a", epoch=4),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_an_event_is_one_line_and_comes_back(event: Event) -> None:
    line = event.model_dump_json()
    assert "\n" not in line
    assert parse(line) == event
    assert parse(line.encode()) == event


def test_a_failure_may_name_a_path_that_is_no_utf_8() -> None:
    told = Failed(trial="a", kind="disk", message="/caf\udce9: No space left", traceback='File "/caf\udce9"')
    assert parse(told.model_dump_json()) == told
    assert (told.message, told.traceback) == ("/caf\\udce9: No space left", 'File "/caf\\udce9"')


def test_a_measure_that_was_not_taken_is_none() -> None:
    finished = parse(EVENTS[5].model_dump_json())
    assert (finished.vram_peak_mib, finished.vram_process_mib, finished.model_file) == (None, None, None)


def test_a_trainer_that_did_not_tell_of_the_start_is_told_from_one_that_never_started() -> None:
    line = EVENTS[5].model_dump_json()
    assert '"start_epoch":null' in line
    assert "start_epoch" in parse(line).model_fields_set
    assert "start_epoch" not in parse(line.replace('"start_epoch":null,', "")).model_fields_set


def test_a_training_ends_with_one_of_three() -> None:
    assert [isinstance(event, TERMINAL) for event in EVENTS] == [False] * 5 + [True] * 4


@pytest.mark.parametrize(
    "line", ["", "{}", "garbage", '{"event":"epoch"}', '{"event":"stopped","trial":"a","epoch":1,"x":1}']
)
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        parse(line)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ('{"event": "ready", "protocol": 7, "something": "new"}', 7),
        (EVENTS[2].model_dump_json(), 2),
        ('{"event": "ready", "protocol": "x"}', None),
        ('{"event": "epoch", "protocol": 7}', None),
        ("[", None),
        ("[" * 100_000, None),
        ("17", None),
    ],
)
def test_the_protocol_of_any_version_is_told(line: str, version: int | None) -> None:
    assert protocol_of(line) == version


def test_trainers_of_protocol_1_are_still_read() -> None:
    """In journals; what they did not say is empty."""
    line = (
        '{"event":"ready","protocol":1,"backend":"tensorflow","device":"cpu","device_name":"x","vram_measured":false,'
        '"threads":1,"pid":1,"versions":{}}'
    )
    ready = parse(line)
    assert isinstance(ready, Ready)
    assert (ready.protocol, ready.version, ready.code, ready.machine) == (1, "", "", "")
