"""What Optuna is asked and told, on SQLite and on a real Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from search.addresses.urls import normal_url, shown_url
from search.errors import StorageError
from search.stores.optuna import OptunaStudy, names_in, trial_params
from search.study import Study
from search.study.deciding import mean_recall
from search.study.design import PlannedTrial, plan
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt, question

Open = Callable[..., OptunaStudy]


pytestmark = pytest.mark.usefixtures("quick_to_open")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/Ada's runs.db"
    new_database: Callable[[], str] = request.getfixturevalue("postgres")
    return new_database()


@pytest.fixture
def open_study(url: str) -> Iterator[Open]:
    opened: list[OptunaStudy] = []

    def open_study(study: Study, url: str = url) -> OptunaStudy:
        opened.append(OptunaStudy(url, study.name, study))
        return opened[-1]

    yield open_study
    for store in opened:
        store.close()


def test_a_trials_way(open_study: Open) -> None:
    """WAITING, RUNNING, back to WAITING, RUNNING, COMPLETE; told twice it is told once; another process sees it."""
    study = question((0.01, 0.001), seeds=1)
    store = open_study(study)
    assert store.trials() == []
    planned = plan(study)
    assert store.enqueue(planned) == [0, 1]
    assert open_study(study).trials() == []  # numbers are known before the storage is
    assert store.write_queue(limit=1) is False
    assert len(open_study(study).trials()) == 1
    assert store.write_queue() is True
    assert store.write_queue() is True

    def look() -> list[optuna.trial.FrozenTrial]:
        return open_study(study).trials()

    assert [(trial.state.name, trial_params(trial)) for trial in look()] == [("WAITING", p.params) for p in planned]
    record = trial_record(0, dict(planned[0].params), end="running", n_epochs=2, study="rates")
    for _ in range(2):
        store.report(record)
    assert [trial.state.name for trial in look()] == ["RUNNING", "WAITING"]
    for _ in range(2):
        store.put_back(0)
        assert [trial.state.name for trial in look()] == ["WAITING", "WAITING"]
    store.report(record)

    record = trial_record(0, dict(planned[0].params), n_epochs=3, study="rates", gpu=True)
    assert record.finished is not None
    store.tell(record, "http://mlflow/run")
    told = look()[0]
    assert (told.state, told.values) == (TrialState.COMPLETE, [record.finished.splits["val"].accuracy])
    assert told.intermediate_values == {epoch.epoch: epoch.val_accuracy for epoch in record.epochs}
    assert told.user_attrs == {
        "role": "replicate",
        "seed": 0,
        "fold": 0,
        "train_accuracy": record.finished.splits["train"].accuracy,
        "val_accuracy": record.finished.splits["val"].accuracy,
        "test_accuracy": record.finished.splits["test"].accuracy,
        "test_macro_f1": record.finished.splits["test"].macro_f1,
        "test_balanced_accuracy": pytest.approx(mean_recall(record.finished.splits["test"])),
        "start_epoch": 1,
        "parameters": 98765,
        "train_s": 3.75,
        "vram_peak_mib": 1830.5,
        "vram_process_mib": 2410.0,
        "wall_s": 5.75,
        "slot": 0,
        "mlflow_run": "http://mlflow/run",
    }
    assert told.params == {"learning_rate": 0.01}, "the seed is no parameter, of which Optuna would tell the importance"
    times = (record.started_at, record.finished_at)
    assert tuple(at and at.timestamp() for at in (told.datetime_start, told.datetime_complete)) == pytest.approx(times)
    store.tell(trial_record(0, end="error"), None)
    store.report(trial_record(0, end="running", n_epochs=9))
    assert look()[0] == told

    store.tell(trial_record(1, dict(planned[1].params), end="error"), None)  # from the queue: its claim was lost
    failed = look()[1]
    assert (failed.state, failed.values) == (TrialState.FAIL, None)
    assert failed.user_attrs["failure"] == "error: ValueError: no"
    assert failed.datetime_start is not None


def test_a_search(open_study: Open) -> None:
    study = hunt(6)
    store = open_study(study)
    store.enqueue(plan(study))
    number, params = store.ask()
    assert number == 1
    assert set(params) == {"learning_rate", "depth"}
    store.measure_cost_by("vram_peak_mib")
    store.note_cost()
    store.tell(trial_record(0, {"learning_rate": 0.0005, "depth": 4}, gpu=True), None)
    store.tell(trial_record(1, params, end="out_of_memory"), None)
    number, params = store.ask()
    store.tell(trial_record(number, params, end="stopped"), None)
    number, params = store.ask()
    store.tell(trial_record(number, params, gpu=False), None)  # its cost was not measured
    first, second, third, fourth = store.trials()
    finished = trial_record(0, gpu=True).finished
    assert finished is not None
    assert first.values == [finished.splits["val"].accuracy, 1830.5]
    assert first.constraints == {"vram": 0.0}
    assert (second.state, second.values, second.constraints) == (TrialState.PRUNED, None, {"vram": 4096.0})
    assert (third.state, third.constraints) == (TrialState.PRUNED, {})
    assert fourth.state == TrialState.FAIL
    again = open_study(study)
    again.measure_cost_by("parameters")
    again.note_cost()
    assert again.cost_metric == "vram_peak_mib"  # as first set
    assert again._study.directions == [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE]
    assert again._study.metric_names == ["val_accuracy", "vram_peak_mib"]


def test_a_telling_that_failed_half_way_is_told_again(open_study: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    study = hunt(2)
    store = open_study(study)
    store.enqueue(plan(study))
    set_state = store._storage.set_trial_state_values
    record = trial_record(0, {"learning_rate": 0.0005, "depth": 4})

    def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(store._storage, "set_trial_state_values", fail)
    with pytest.raises(ConnectionError):
        store.tell(record, None)
    monkeypatch.setattr(store._storage, "set_trial_state_values", set_state)
    store.tell(record, None)
    (trial,) = store.trials()
    assert trial.state == TrialState.COMPLETE
    assert trial.constraints == {"vram": 0.0}


def test_proposals_follow_from_the_name_and_the_history(open_study: Open, tmp_path: Path) -> None:
    def propose(store: OptunaStudy) -> list[dict[str, str | int | float | bool]]:
        found = []
        for _ in range(4):
            number, params = store.ask()
            store.tell(trial_record(number, params), None)
            found.append(params)
        return found

    for sampler in ("tpe", "random"):
        study = hunt(4, sampler=sampler).model_copy(update={"name": sampler})
        here = propose(open_study(study))
        assert propose(open_study(study, f"sqlite:///{tmp_path}/other.db")) == here
        assert len({str(params) for params in here}) == 4


def test_levels_may_be_added(open_study: Open) -> None:
    """Optuna refuses a parameter whose categories change; numbers may range further."""
    for name, few, many in (
        ("pooling", ["max", "average"], ["max", "average", "blur"]),
        ("depth", [2, 4], [1, 2, 4, 6]),
        ("learning_rate", [0.1, 0.001], [1, 0.1, 0.01, 0.001, 0.0001]),
        ("color", [False, True], [False, True]),
        ("dropout_rate", [0, 0.5], [0, 0.25, 0.5, 0.9]),
    ):
        for levels in (few, many):
            spec = {name: {"levels": levels, "reference": levels[0]}}
            study = Study.model_validate({"name": f"s-{name}", "question": "q?", "seeds": 1, "scientific": spec})
            store = open_study(study)
            store.enqueue(plan(study))
            store.write_queue()
        found = [trial.params[name] for trial in store.trials()]
        assert found == [*few, *many]
        assert [type(value) for value in found if isinstance(value, bool)] == [bool] * (4 if name == "color" else 0)


def test_a_design_is_not_asked_for(open_study: Open) -> None:
    with pytest.raises(RuntimeError, match="rates is a design: its trials are queued, not asked for"):
        open_study(question()).ask()


def test_attributes_and_states(open_study: Open, url: str) -> None:
    study = question(seeds=1)
    store = open_study(study)
    store.set_attributes({"question": study.question, "demo": True})
    assert open_study(study)._study.user_attrs == {"question": study.question, "demo": True}
    assert names_in(url) == {"rates"}


def test_many_waiting_trials_are_claimed_by_number(open_study: Open) -> None:
    store = open_study(question())
    numbers = store.enqueue([PlannedTrial({"learning_rate": 0.01, "seed": n}, "replicate") for n in range(30)])
    assert numbers == list(range(30))
    for number in (17, 3):
        store.report(trial_record(number, end="running", n_epochs=1))
    assert len(store.trials()) == 18  # as far as was needed
    store.write_queue()
    assert len(store.trials()) == 30
    assert [trial.number for trial in store.trials() if trial.state == TrialState.RUNNING] == [3, 17]


def test_an_epoch_that_comes_late_or_again_is_no_matter(open_study: Open) -> None:
    store = open_study(hunt(9, objectives=["val_accuracy"]))
    number, params = store.ask()
    running = trial_record(number, params, end="running", n_epochs=10)
    store.report(running)
    store.report(running)
    told = {epoch.epoch: epoch.val_accuracy for epoch in running.epochs}
    assert store.trials()[0].intermediate_values == told
    store.tell(trial_record(number, params, end="stopped", n_epochs=10), None)
    store.report(running)
    assert store.trials()[0].state == TrialState.PRUNED


def test_a_trial_that_was_stopped_has_no_values_of_several_objectives(open_study: Open) -> None:
    """TPE takes it for worse than those that were finished (`_split_trials` of optuna/samplers/_tpe/sampler.py)."""
    store = open_study(hunt(9, n_startup_trials=2))
    for end in ("finished", "stopped", "stopped", "finished"):
        number, params = store.ask()
        store.report(trial_record(number, params, end="running", n_epochs=3))
        store.tell(trial_record(number, params, end=end, n_epochs=3), None)
    assert [trial.state.name for trial in store.trials()] == ["COMPLETE", "PRUNED", "PRUNED", "COMPLETE"]
    assert [len(trial.values or ()) for trial in store.trials()] == [2, 0, 0, 2]
    assert store.ask()[0] == 4


def test_what_a_broken_connection_left_is_not_made_twice(open_study: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage did what it was told, and the answer was lost."""
    queued, asked = open_study(question(seeds=1)), open_study(hunt(5))
    for store in (queued, asked):
        create, lost = store._storage.create_new_trial, [True]

        def once(*given: Any, create: Any = create, lost: list[bool] = lost, **named: Any) -> int:
            made = create(*given, **named)
            if lost.pop() if lost else False:
                raise ConnectionError
            return int(made)

        monkeypatch.setattr(store._storage, "create_new_trial", once)
    queued.enqueue(plan(question(seeds=1)))
    with pytest.raises(ConnectionError):
        queued.write_queue()
    assert queued.write_queue()
    assert [trial_params(trial) for trial in queued.trials()] == [planned.params for planned in plan(question(seeds=1))]
    with pytest.raises(ConnectionError):
        asked.ask()
    assert [asked.ask()[0], asked.ask()[0]] == [0, 1]
    assert [trial.state.name for trial in asked.trials()] == ["RUNNING", "RUNNING"]


def test_a_proposal_that_was_cut_short_is_finished(open_study: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller died between two of a trial's params: it gets those that it would have got."""
    straight = open_study(hunt(5, sampler="random").model_copy(update={"name": "straight"}))
    study = hunt(5, sampler="random")
    store = open_study(study)
    set_param, calls = store._storage.set_trial_param, []

    def second(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise ConnectionError
        set_param(*given)

    monkeypatch.setattr(store._storage, "set_trial_param", second)
    with pytest.raises(ConnectionError):
        store.ask()
    again = open_study(study)
    (trial,) = again.trials()
    assert len(trial.params) == 1
    params = again.finish_asking(0)
    assert set(params) == {"learning_rate", "depth"}
    assert again.trials()[0].params == params
    assert straight.ask()[0] == 0


def test_trials_of_somebody_else_are_refused(open_study: Open) -> None:
    here, there = open_study(question()), open_study(question())
    there.enqueue([PlannedTrial({"learning_rate": 0.005, "seed": 7}, "replicate")])
    there.write_queue()
    here.enqueue(plan(question()))
    with pytest.raises(ValueError, match=r"somebody else makes trials of Optuna's study rates; trial 0 is not ours"):
        here.write_queue()


def test_the_postgres_driver_is_the_projects(postgres: Callable[[], str]) -> None:
    url = postgres()
    for written in (url.replace("postgresql+psycopg2://", start) for start in ("postgresql://", "postgres://")):
        store = OptunaStudy(written, "rates", question())
        assert normal_url(written) == url
        store.close()
    assert names_in(url) == {"rates"}


def test_a_password_is_never_shown(postgres_server: str) -> None:
    """Neither of a database that is not there nor of a server that refuses or does not answer."""
    user, _, rest = postgres_server.removeprefix("postgresql+psycopg2://").partition(":")
    password, _, host = rest.partition("@")
    wrong = f"postgresql://{user}:wrong-secret@{host}/postgres"
    missing = f"postgresql://{user}:{password}@{host}/no_such_database"
    away = f"postgresql://{user}:{password}@127.0.0.1:1/x"
    for url in (wrong, missing, away):
        with pytest.raises(StorageError) as raised:
            OptunaStudy(url, "rates", question())
        message = str(raised.value)
        assert message.startswith("Optuna's storage postgresql://tester:***@127.0.0.1:")
        assert " cannot be used: " in message
        assert password not in message
        assert "wrong-secret" not in message
        assert "\n" not in message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nonsense", "(no URL of a database)"),
        ("", "(no URL of a database)"),
        ("nosuch://me:secret@host/db", "nosuch://me:***@host/db"),
        ("mysql://me:secret@host/db", "mysql://me:***@host/db"),
        ("sqlite:////no/such/folder/x.db", "sqlite:////no/such/folder/x.db"),
    ],
)
def test_a_storage_that_cannot_be_used(url: str, shown: str) -> None:
    with pytest.raises(StorageError) as raised:
        OptunaStudy(url, "rates", question())
    assert str(raised.value).startswith(f"Optuna's storage {shown} cannot be used: ")
    assert "secret" not in str(raised.value)
    assert shown_url(url) == shown


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is no database " * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        OptunaStudy(f"sqlite:///{tmp_path / 'x.db'}", "rates", question())
