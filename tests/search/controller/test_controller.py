"""The controller, with no-op trainers (real processes) and a real SQLite storage."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from search.controller.faults import ATTEMPTS
from search.controller.slot_pool import STARTS
from search.errors import ExecutorError, SamplerError, StorageError
from search.folder.record import TrialRecord
from search.stores.optuna import OptunaStudy
from search.stores.optuna.queue import trial_params
from search.study import Study
from search.study.design import config_of, plan
from search.study.samplers import SAMPLERS, Proposal, Sampler
from tests.search import workshop
from tests.search.noop_trainer import GARBAGE, epoch_accuracy, expected
from tests.search.workshop import PATIENCE_S, Noops, Watcher, Workshop, closed_gate, hunt, question
from trainer.events import Failed, Finished, Started, Stopped

pytestmark = pytest.mark.usefixtures("quick_to_open")


def key(params: object) -> str:
    assert isinstance(params, dict)
    return json.dumps({name: float(value) for name, value in params.items()}, sort_keys=True)


def results(shop: Workshop) -> Counter[tuple[str, int, float, float]]:
    """What is to be the same however a study was run."""
    found: Counter[tuple[str, int, float, float]] = Counter()
    for record in shop.records():
        assert record.finished is not None
        splits = record.finished.splits
        found[key(dict(record.params)), record.config.seed, splits["val"].accuracy, splits["test"].accuracy] += 1
    return found


def pids(shop: Workshop) -> list[int]:
    return [record.ready.pid for record in shop.records()]


# ------------------------------------------------------------------------------------------------------------- designs


def test_a_design_trains_every_level_with_every_seed(shop: Workshop) -> None:
    study = question((0.01, 0.001, 0.0001), seeds=2)
    view = Watcher()
    assert shop.run(study, slots=2, view=view) == "finished"
    trials = shop.trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 6
    assert [trial.number for trial in trials] == list(range(6))
    assert [key(trial_params(trial)) for trial in trials] == [key(planned.params) for planned in plan(study)]
    for trial in trials:
        config = config_of(study, trial_params(trial), "")
        assert trial.values == [expected(config)["val"]]
        assert trial.intermediate_values == {epoch: epoch_accuracy(config, epoch) for epoch in (1, 2, 3)}
        attributes = trial.user_attrs
        assert attributes["test_accuracy"] == expected(config)["test"]
        assert (attributes["role"], attributes["seed"]) == ("replicate", config.seed)
        assert attributes["mlflow_run"] == f"run-{trial.number}"
        assert "vram_peak_mib" not in attributes
    assert (view.tally.total, view.tally.complete, view.tally.over) == (6, 6, 6)
    assert view.ended
    assert sorted(record.number for record in shop.told_mlflow) == list(range(6))
    assert shop.untold == 0


def test_journals_have_the_configs_and_the_events(shop: Workshop) -> None:
    study = question(seeds=1)
    shop.run(study)
    for record, planned in zip(shop.records(), plan(study), strict=True):
        label = f"rates-{record.number:05d}"
        assert record.config == config_of(study, planned.params, label)
        kinds = [event.event for event in record.events]
        assert kinds == ["started", "epoch", "epoch", "epoch", "finished"]
        assert {event.trial for event in record.events if not isinstance(event, str)} == {label}  # type: ignore[union-attr]
        assert record.finished_at is not None
        assert record.finished_at >= record.started_at


def test_the_queue_is_visible_before_it_is_trained(shop: Workshop) -> None:
    """From outside, while the trainers are held at a gate."""
    study = question(seeds=2)
    seen: list[FrozenTrial] = []
    with closed_gate(shop.place / "gate") as open_gate:

        def look(record: TrialRecord) -> None:
            if isinstance(record.events[-1] if record.events else None, Started) and not seen:
                while not seen or seen[0].state.name == "WAITING":  # the claim is told in the background
                    seen[:] = shop.trials()
                open_gate()

        shop.run(study, view=Watcher(look), settings={"gate": str(shop.place / "gate")})
    assert [trial.state.name for trial in seen] == ["RUNNING", "WAITING", "WAITING", "WAITING"]
    assert [key(trial_params(trial)) for trial in seen] == [key(planned.params) for planned in plan(study)]
    assert {trial.user_attrs["role"] for trial in seen} == {"replicate"}


def test_a_reference_study_has_one_trial_a_seed(shop: Workshop) -> None:
    study = Study.model_validate({"name": "rates", "question": "How good?", "seeds": 3, "fixed": {"epochs": 1}})
    assert shop.run(study) == "finished"
    trials = shop.trials()
    assert [trial_params(trial) for trial in trials] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert [trial.params for trial in trials] == [{"model": "reference"}] * 3, "a seed is no parameter of a model"
    assert [trial.user_attrs["seed"] for trial in trials] == [0, 1, 2]


def test_nuisance_parameters_are_tuned_before_the_replicates(shop: Workshop) -> None:
    study = Study.model_validate(
        {
            "name": "rates",
            "question": "What does the depth do?",
            "seeds": 2,
            "scientific": {"depth": {"levels": [2, 4], "reference": 4}},
            "nuisance": {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}},
            "tuning": {"trials_per_level": 3},
            "fixed": {"epochs": 1},
        }
    )
    assert shop.run(study, slots=2) == "finished"
    trials = shop.trials()
    assert [trial.user_attrs["role"] for trial in trials] == ["tuning"] * 6 + ["replicate"] * 4
    for level in (2, 4):
        mine = [trial for trial in trials if trial.params["depth"] == level]
        tuning = [trial for trial in mine if trial.user_attrs["role"] == "tuning"]
        best = max(tuning, key=lambda trial: trial.value or 0)
        replicates = [trial for trial in mine if trial.user_attrs["role"] == "replicate"]
        rate = best.params["learning_rate"]
        assert [trial_params(trial) for trial in replicates] == [
            {"depth": level, "learning_rate": rate, "seed": seed} for seed in (0, 1)
        ]


def test_the_same_results_on_one_slot_and_on_four(tmp_path: Path, storage: Path) -> None:
    for study in (question(seeds=4), hunt(6, sampler="random")):
        found = []
        for slots in (1, 4):
            shop = workshop.workshop(tmp_path / f"{study.name}-{slots}", storage)
            shop.run(study, slots=slots)
            found.append(results(shop))
        assert sum(found[0].values()) == (8 if study.factor else 6)
        assert found[0] == found[1]


def test_levels_and_seeds_added_later(shop: Workshop) -> None:
    shop.run(question((0.01, 0.001), seeds=1))
    before = [path.read_bytes() for path in sorted(shop.folder.glob("0*"))]
    assert shop.run(question((0.1, 0.01, 0.001), seeds=2)) == "finished"
    assert [path.read_bytes() for path in sorted(shop.folder.glob("0*"))][:2] == before
    assert shop.states() == ["COMPLETE"] * 6
    wanted = {key(planned.params) for planned in plan(question((0.1, 0.01, 0.001), seeds=2))}
    assert {key(trial_params(trial)) for trial in shop.trials()} == wanted


def test_a_finished_study_starts_no_slot(shop: Workshop) -> None:
    shop.run(question(seeds=1))
    view = Watcher()
    assert shop.run(question(seeds=1), view=view) == "finished"
    assert shop.executor is not None
    assert shop.executor.started == []
    assert view.tally.complete == 2
    assert len(shop.told_optuna) == len(shop.told_mlflow) == 2


def test_one_model_a_study_is_kept(shop: Workshop) -> None:
    assert shop.run(question(seeds=2), settings={"models": True}) == "finished"
    assert shop.controller is not None
    best = max(shop.records(), key=lambda r: r.finished.splits["val"].accuracy if r.finished else 0)
    assert shop.controller.results.best is not None
    assert shop.controller.results.best.number == best.number
    assert [path.name for path in (shop.place / "models").iterdir()] == [f"rates-{best.number:05d}.keras"]


# ------------------------------------------------------------------------------------------------------------ searches


@pytest.mark.parametrize("gpu", [False, True])
def test_a_search_with_two_objectives(shop: Workshop, gpu: bool) -> None:
    assert shop.run(hunt(8), slots=2, settings={"gpu": gpu}) == "finished"
    trials = shop.trials("hunt")
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 8
    assert trials[0].params == {"learning_rate": 0.0005, "depth": 4}  # the reference model
    assert len({key(trial.params) for trial in trials}) == 8
    assert len({trial.user_attrs["seed"] for trial in trials}) == 8
    for trial, record in zip(trials, shop.records(), strict=True):
        assert record.finished is not None
        cost = 10.0 * trial.params["depth"] if gpu else 1000 * trial.params["depth"] + 100
        assert trial.values == [expected(record.config)["val"], cost]
        assert trial.constraints == {"vram": 0.0}
        assert trial.user_attrs["role"] == "search"
        assert trial.intermediate_values == {}


def test_more_trials_of_a_search_go_on(shop: Workshop) -> None:
    shop.run(hunt(3))
    first = shop.trials("hunt")
    assert shop.run(hunt(5)) == "finished"
    trials = shop.trials("hunt")
    assert [trial.params for trial in trials[:3]] == [trial.params for trial in first]
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 5


def test_the_sampler_sees_every_trial_that_is_over(shop: Workshop) -> None:
    seen = []

    def watch(store: OptunaStudy) -> None:
        ask = store.ask

        def asked() -> tuple[int, dict[str, str | int | float | bool]]:
            over = [record.number for record in shop.records() if record.terminal]
            states = {trial.number: trial.state for trial in store.trials()}
            seen.append([states[number].is_finished() for number in over])
            return ask()

        store.ask = asked  # type: ignore[method-assign]

    assert shop.run(hunt(5, epochs=1), on_store=watch) == "finished"
    assert seen == [[True] * number for number in range(1, 5)]


# -------------------------------------------------------------------------------------------------------------- faults


def test_a_trial_whose_slot_is_killed_is_trained_again(shop: Workshop) -> None:
    settings = {"faults": {"1": ["kill", 2, 1]}, "marks": str(shop.place)}
    view, study = Watcher(), question((0.01, 0.001), seeds=2)
    assert shop.run(study, view=view, settings=settings) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    assert [shop.attempts(number) for number in range(4)] == [1, 1, 2, 1]
    assert view.said == ["slot 0 was ended by SIGKILL; trial 2 is trained again"]
    configs = [
        json.loads(line)["config"]
        for line in (shop.folder / "00002.jsonl").read_text().splitlines()
        if '"config"' in line
    ]
    assert configs[0] == configs[1]
    assert [key(trial_params(trial)) for trial in shop.trials()] == [key(planned.params) for planned in plan(study)]


def test_a_trial_that_ends_its_slot_three_times_fails(shop: Workshop) -> None:
    view = Watcher()
    assert shop.run(question(seeds=2, levels=(0.01, 0.001)), view=view, settings={"faults": {"0": ["exit", 2]}}) == (
        "finished"
    )
    assert shop.states() == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert [shop.attempts(number) for number in range(4)] == [ATTEMPTS, ATTEMPTS, 1, 1]
    assert view.said == [
        f"slot 0 ended with status 3; trial {number} is trained again" for number in (0, 1) for _ in range(2)
    ]
    failed = shop.records()[0].terminal
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.message) == ("error", "the trainer ended with status 3, attempt 3 of 3")
    assert failed.traceback.endswith("noop: made-up crash")
    assert shop.trials()[0].user_attrs["failure"] == "error: the trainer ended with status 3, attempt 3 of 3"
    assert (view.tally.failed, view.tally.complete) == (2, 2)
    shop.run(question(seeds=2))  # a failed trial is over
    assert shop.states() == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]


def test_a_slot_that_the_kernel_ends_for_its_memory(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.executors._kernel.KernelKills.ended", lambda kills, pid: True)
    settings = {"faults": {"0": "kill"}}
    assert shop.run(question((0.01, 0.001), seeds=2), settings=settings) == "finished"
    assert shop.states() == ["PRUNED", "PRUNED", "COMPLETE", "COMPLETE"]
    assert shop.attempts(0) == 1
    failed = shop.records()[0].terminal
    assert isinstance(failed, Failed)
    assert failed.kind == "out_of_memory"
    assert failed.message == "the trainer was ended by the kernel for its memory, attempt 1 of 3"


def test_a_slot_that_cannot_start_stops_the_study(shop: Workshop) -> None:
    with pytest.raises(ExecutorError) as raised:
        shop.run(question(), settings={"start": "exit"})
    log = shop.place / "slots" / "slot-0.log"
    assert str(raised.value) == (
        "Slot 0 ended with status 3 before it was ready, 3 times in a row. The end of its log "
        f"({log}):\n" + "\n".join(["noop: made-up failure before ready"] * STARTS)
    )
    assert shop.states() == ["WAITING"] * 4
    assert shop.run(question()) == "finished"


def test_a_trainer_of_another_version_stops_the_study(shop: Workshop) -> None:
    message = r"Slot 0 speaks version 3 of the trainer's protocol, this search 2: install both from one checkout\."
    with pytest.raises(ExecutorError, match=message):
        shop.run(question(), settings={"start": "protocol"})
    assert shop.executor is not None
    assert not any(thread.is_alive() for thread in (slot._thread for slot in shop.executor.started))  # type: ignore[attr-defined]


def test_garbage_is_ignored_with_a_word(shop: Workshop) -> None:
    view = Watcher()
    settings = {"faults": {"0": "garbage", "1": "stray"}}
    assert shop.run(question(seeds=2), view=view, settings=settings) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    ignored = [f"slot 0 wrote what is no event, ignored: {line[:-1][:120]!r}" for line in GARBAGE]
    stray = ["slot 0 spoke of trial 'somebody-else', which it does not train"]
    assert view.said == ignored * 2 + stray * 2


def test_running_out_of_memory_is_a_result_that_a_sampler_learns_from(shop: Workshop) -> None:
    seeds = [config_of(hunt(), {"depth": 1}, "", number).seed for number in range(4)]
    settings = {"faults": {str(seeds[1]): "out_of_memory"}}
    view = Watcher()
    assert shop.run(hunt(4), settings=settings, view=view) == "finished"
    trials = shop.trials("hunt")
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE"]
    assert trials[1].constraints == {"vram": 4096.0}
    assert trials[1].user_attrs["failure"] == "out_of_memory: made-up allocator"
    assert (view.tally.pruned, view.tally.failed, view.tally.complete) == (1, 0, 3)
    first, second, third, fourth = pids(shop)
    assert first == second != third == fourth  # the slot was replaced
    assert view.said == []


@pytest.mark.parametrize(("kind", "processes"), [("error", 3), ("not_finite", 1)])
def test_a_trial_that_fails_is_no_matter_of_the_next(shop: Workshop, kind: str, processes: int) -> None:
    """An error may have left a process that fails whatever it is given, at once, and so all trials that wait."""
    assert shop.run(question(seeds=2), settings={"faults": {"0": kind}}) == "finished"
    trials = shop.trials()
    assert [trial.state.name for trial in trials] == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert trials[0].user_attrs["failure"].startswith(f"{kind}: ")
    assert trials[0].values is None
    assert len(set(pids(shop))) == processes
    assert [shop.attempts(number) for number in range(4)] == [1] * 4


def test_images_that_are_gone_are_no_matter_of_a_trial(shop: Workshop) -> None:
    faults = {"faults": {"1": ["data", 1, 1]}, "marks": str(shop.place)}
    with pytest.raises(StorageError, match=r"Bring the images back as they were, and run the same command to go on\."):
        shop.run(question(seeds=2), settings=faults)
    assert shop.run(question(seeds=2), settings=faults) == "finished"
    assert shop.states() == ["COMPLETE"] * 4


def test_images_that_change_meanwhile_stop_the_study(shop: Workshop) -> None:
    """A slot that is replaced looks at the folder anew."""
    message = (
        r"Slot 0 found other images than the study began with \(fed, not abc\): files were added, taken away or "
        r"changed\. Bring the images back as they were, and run the same command to go on\."
    )
    with pytest.raises(StorageError, match=message):
        shop.run(question(), settings={"images": "fed"}, fingerprint="abc")
    assert [record.events for record in shop.records()] == [()]
    assert shop.run(question(), settings={"images": "abc"}, fingerprint="abc") == "finished"


def test_a_search_into_which_somebody_puts_trials_stops_with_a_word(shop: Workshop) -> None:
    """Slots would wait for ever for a trial that Optuna will not give."""

    def meddle(record: TrialRecord) -> None:
        if record.number == 0 and len(record.epochs) == 1 and record.terminal is None:
            study = optuna.load_study(study_name="hunt", storage=shop.url)
            study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))

    with pytest.raises(StorageError, match="Optuna's study hunt was changed by somebody else: "):
        shop.run(hunt(3), view=Watcher(meddle))


def raising(proposal: Proposal) -> BaseSampler:
    raise NotImplementedError("no such space")


class Mistaken(RandomSampler):
    def sample_independent(self, *_: Any, **__: Any) -> Any:
        raise TypeError("no number")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (raising, "The sampler mine cannot be built: NotImplementedError: no such space"),
        (lambda _: Mistaken(), "The sampler cannot propose a trial: TypeError: no number"),
    ],
)
def test_a_sampler_that_fails_stops_the_search(
    shop: Workshop, build: Callable[[Proposal], BaseSampler], words: str
) -> None:
    with SAMPLERS.registered("mine", Sampler("mine", build)), pytest.raises(SamplerError) as raised:
        shop.run(hunt(3, sampler="mine"))
    assert str(raised.value) == words
    assert raised.value.__cause__ is not None  # whose traceback stands in the log


def test_a_slot_that_was_given_a_gpu_and_finds_none_stops_the_study(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Noops, "gpus", [0])
    message = r"(?s)Slot 0 was given a GPU, and noop finds none\..*noop: ready.*--gpus none"
    with pytest.raises(ExecutorError, match=message):
        shop.run(question())
    assert shop.states() == ["WAITING"] * 4
    assert shop.run(question(), settings={"gpu": True}) == "finished"


def test_jax_trains_once_a_process_where_memory_is_measured(shop: Workshop) -> None:
    """Its allocator's peak cannot be reset."""
    assert shop.run(question(seeds=2), settings={"gpu": True, "backend": "jax"}) == "finished"
    assert len(set(pids(shop))) == 4
    assert shop.run(question(seeds=4), settings={"gpu": False, "backend": "jax"}) == "finished"
    assert len(set(pids(shop))) == 5


def test_a_full_disk_of_a_trainer_is_no_matter_of_its_trial(shop: Workshop) -> None:
    faults = {"faults": {"1": ["disk", 1, 1]}, "marks": str(shop.place)}
    with pytest.raises(StorageError) as raised:
        shop.run(question(seeds=2), settings=faults)
    assert str(raised.value) == (
        "Slot 0: the model cannot be saved: No space left on device. Free some space, and run the same command to go "
        "on."
    )
    assert [record.state for record in shop.records()] == ["COMPLETE", "COMPLETE", "RUNNING"]
    assert shop.run(question(seeds=2), settings=faults) == "finished"
    assert shop.states() == ["COMPLETE"] * 4


# ------------------------------------------------------------------------------------------------------- time and slots


def test_no_trial_begins_after_the_time_is_over(shop: Workshop) -> None:
    assert shop.run(question(), timeout_s=1e-9) == "timeout"
    assert shop.states() == ["WAITING"] * 4
    assert shop.run(question(), timeout_s=PATIENCE_S) == "finished"
    assert shop.states() == ["COMPLETE"] * 4


def test_a_trial_under_way_ends_when_the_time_is_over(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    monkeypatch.setattr("search.controller.controller.time.monotonic", lambda: passed[0])

    def jump(record: TrialRecord) -> None:
        if len(record.epochs) == 1:
            passed[0] = 1e9

    assert shop.run(question(), view=Watcher(jump), timeout_s=60.0) == "timeout"
    assert shop.states() == ["COMPLETE", "WAITING", "WAITING", "WAITING"]


@pytest.mark.parametrize(("limit", "processes"), [(1, 4), (2, 2), (None, 1)])
def test_slots_are_replaced_after_so_many_trials(shop: Workshop, limit: int | None, processes: int) -> None:
    assert shop.run(question(seeds=2), max_trials_per_slot=limit) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    assert len(set(pids(shop))) == processes


@pytest.mark.parametrize(("limit", "processes"), [(1, 4), (3, 2), (None, 1)])
def test_slots_are_replaced_after_so_many_graphs(shop: Workshop, limit: int | None, processes: int) -> None:
    """Each leaves something in its process for ever, and a search over hundreds of models has hundreds of them."""
    assert shop.run(question(seeds=2), max_graphs_per_slot=limit) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    assert len(set(pids(shop))) == processes


def test_trainings_of_a_graph_that_is_kept_do_not_use_a_slot_up(shop: Workshop) -> None:
    assert shop.run(question(seeds=2), settings={"traced": False}, max_graphs_per_slot=1) == "finished"
    assert len(set(pids(shop))) == 1
    assert {record.started.traced for record in shop.records() if record.started} == {False}


def test_no_more_slots_than_trials(shop: Workshop) -> None:
    shop.run(question(seeds=1), slots=8)
    assert shop.executor is not None
    assert [slot.number for slot in shop.executor.started] == [0, 1]


def test_slots_start_while_the_images_are_read(shop: Workshop) -> None:
    begun = []

    def prepare() -> None:
        deadline = time.monotonic() + PATIENCE_S
        while shop.executor is None or not shop.executor.started:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        begun.append(list(shop.folder.glob("0*")))

    assert shop.run(question(), prepare=prepare) == "finished"
    assert begun == [[]]
    assert shop.states() == ["COMPLETE"] * 4


def test_images_that_cannot_be_read_stop_the_study(shop: Workshop) -> None:
    def prepare() -> None:
        raise ValueError("no images")

    with pytest.raises(ValueError, match="no images"):
        shop.run(question(), prepare=prepare)
    assert shop.executor is not None
    assert shop.executor.started
    assert not any(slot._thread.is_alive() for slot in shop.executor.started)  # type: ignore[attr-defined]
    with pytest.raises(KeyError):  # Optuna was not told of such a study
        shop.states()


# -------------------------------------------------------------------------------------------------------- interruptions


def test_interrupted_once_the_trial_waits_again(shop: Workshop) -> None:
    study = question(seeds=2)

    def interrupt(record: TrialRecord) -> None:
        assert shop.controller is not None
        if record.number == 1 and record.epochs:
            shop.controller.interrupt()  # what lets it go on now is the stop alone
        else:
            shop.step(record)

    assert shop.run(study, settings={"steps": True}, view=Watcher(interrupt)) == "interrupted"
    assert shop.states() == ["COMPLETE", "WAITING", "WAITING", "WAITING"]
    assert shop.executor is not None
    assert not any(slot._thread.is_alive() for slot in shop.executor.started)  # type: ignore[attr-defined]
    assert not any(psutil.pid_exists(pid) for pid in pids(shop))
    ended = shop.told_mlflow[-1]
    assert (ended.number, ended.terminal) == (1, Stopped(trial="rates-00001", epoch=1))
    finished = (shop.folder / "00000.jsonl").read_bytes()

    assert shop.run(study) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    assert (shop.folder / "00000.jsonl").read_bytes() == finished
    assert [shop.attempts(number) for number in range(4)] == [1, 2, 1, 1]
    assert [record.number for record in shop.told_optuna] == [0, 1, 2, 3]
    assert isinstance(next(r for r in reversed(shop.told_mlflow) if r.number == 1).terminal, Finished)


def test_interrupted_and_not_give_the_same_results(tmp_path: Path, storage: Path) -> None:
    straight = workshop.workshop(tmp_path / "straight", storage)
    straight.run(question(seeds=2), slots=2)
    shop = workshop.workshop(tmp_path / "interrupted", storage)
    for number in range(2):

        def interrupt(record: TrialRecord, last: int = number) -> None:
            if record.number == last and record.finished:
                assert shop.controller is not None
                shop.controller.interrupt()

        assert shop.run(question(seeds=2), view=Watcher(interrupt)) == "interrupted"
    assert shop.run(question(seeds=2)) == "finished"
    assert results(shop) == results(straight)


def test_interrupted_twice_everything_ends(shop: Workshop) -> None:
    def interrupt(record: TrialRecord) -> None:
        if record.events:
            assert shop.controller is not None
            shop.controller.interrupt()
            shop.controller.interrupt()

    begun = time.monotonic()
    assert shop.run(question(), settings={"faults": {"*": "hang"}}, view=Watcher(interrupt)) == "interrupted"
    assert time.monotonic() - begun < 30  # a start of a trainer on a busy machine, and no waiting for the hung one
    assert not any(psutil.pid_exists(pid) for pid in pids(shop))
    first, *others = shop.states()
    assert first in ("RUNNING", "WAITING")  # Optuna is told in the background, and here nobody waits for that
    assert others == ["WAITING"] * 3
    assert shop.run(question()) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    assert [shop.attempts(number) for number in range(4)] == [2, 1, 1, 1]


def test_a_slot_that_dies_after_an_interrupt_leaves_its_trial_waiting(shop: Workshop) -> None:
    def interrupt(record: TrialRecord) -> None:
        if record.events:
            assert shop.controller is not None
            assert shop.executor is not None
            shop.controller.interrupt()
            shop.executor.slot(0).kill()

    assert shop.run(question(), settings={"faults": {"*": "hang"}}, view=Watcher(interrupt)) == "interrupted"
    assert shop.states() == ["WAITING"] * 4


def test_a_search_whose_storage_is_away_can_be_interrupted(shop: Workshop) -> None:
    shop.dead = True

    def say(sentence: str) -> None:
        shop.said.append(sentence)
        assert shop.controller is not None
        shop.controller.interrupt()

    assert shop.run(hunt(4), say=say, patience_s=0) == "interrupted"
    assert shop.said[0] == ("Optuna does not answer; the study goes on and tells it later (ConnectionError: made up)")


# --------------------------------------------------------------------------------------------------------- reconciling


def test_what_was_not_told_is_told_at_the_next_start_once(shop: Workshop) -> None:
    shop.dead = True
    assert shop.run(question(seeds=1), patience_s=0) == "finished"
    assert shop.untold == 2
    assert shop.states() in ([], ["WAITING", "WAITING"])  # it may not even know the queue
    shop.dead = False
    for _ in range(2):
        assert shop.run(question(seeds=1)) == "finished"
        assert shop.executor is not None
        assert shop.executor.started == []
    assert shop.states() == ["COMPLETE", "COMPLETE"]
    assert [record.number for record in shop.told_optuna] == [0, 1]
    assert [record.number for record in shop.told_mlflow] == [0, 1]
    for trial, record in zip(shop.trials(), shop.records(), strict=True):
        assert trial.value == expected(record.config)["val"]


def test_a_complete_trial_never_changes(shop: Workshop) -> None:
    shop.run(question(seeds=1))
    before = shop.trials()
    (shop.folder / "told.jsonl").unlink()  # so that all is told again
    shop.run(question(seeds=1))
    assert [record.number for record in shop.told_mlflow] == [0, 1, 0, 1]
    assert shop.trials() == before


def test_what_a_dead_controller_left_running_is_trained_again(shop: Workshop) -> None:
    study = question(seeds=1)
    store = OptunaStudy(shop.url, study.name, study)
    store.enqueue(plan(study))
    store.write_queue()
    store._storage.set_trial_state_values(store._ids[1], TrialState.RUNNING)  # and no journal
    store.close()
    assert shop.run(study) == "finished"
    assert shop.states() == ["COMPLETE", "COMPLETE"]
    assert [record.number for record in shop.told_optuna] == [1, 0]  # what was under way comes first
    assert [key(trial_params(trial)) for trial in shop.trials()] == [key(planned.params) for planned in plan(study)]


def test_optunas_storage_is_made_again_from_the_journals(shop: Workshop, storage: Path) -> None:
    study = question(seeds=2)

    def interrupt(record: TrialRecord) -> None:
        if record.number == 1 and record.finished:
            assert shop.controller is not None
            shop.controller.interrupt()

    shop.run(study, view=Watcher(interrupt))
    before = shop.trials()
    (shop.place / "optuna.db").write_bytes(storage.read_bytes())
    assert shop.run(study) == "finished"
    after = shop.trials()
    assert [trial.state.name for trial in after] == ["COMPLETE"] * 4
    assert [(t.params, t.values) for t in after[:2]] == [(t.params, t.values) for t in before[:2]]
    assert [shop.attempts(number) for number in range(4)] == [1] * 4


def test_a_storage_with_trials_of_somebody_else_is_refused(shop: Workshop) -> None:
    shop.run(question(seeds=1))
    other = Workshop(shop.place / "another folder", shop.url)
    with pytest.raises(StorageError) as raised:
        other.run(question(seeds=1))
    assert str(raised.value) == (
        f"Optuna's study rates and the journals in {other.folder} are not of one study (Optuna: 2 trials; journals: 0; "
        "finished and without a journal: 0, 1). Give this folder of runs a database of its own (--storage-url), or "
        "start a new study beside it with --fresh."
    )
    assert shop.states() == ["COMPLETE", "COMPLETE"]


def test_what_mlflow_knew_of_an_interrupted_attempt_says_nothing_of_the_next(shop: Workshop) -> None:
    """A trial that was interrupted, then finished while MLflow was away, is told at the start after that."""
    study = question(seeds=1)

    def interrupt(record: TrialRecord) -> None:
        if record.epochs:
            assert shop.controller is not None
            shop.controller.interrupt()

    shop.run(study, settings={"steps": True}, view=Watcher(interrupt))
    assert [record.number for record in shop.told_mlflow] == [0]
    told = (shop.folder / "told.jsonl").read_bytes()
    shop.run(study)
    (shop.folder / "told.jsonl").write_bytes(told)  # as if the second run's MLflow had not answered
    shop.told_mlflow.clear()
    shop.run(study)
    assert [(record.number, record.state) for record in shop.told_mlflow] == [(0, "COMPLETE"), (1, "COMPLETE")]
