"""Whose a study of Optuna's is, and what people do in its storage while a controller works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from optuna_dashboard import get_note, save_note

from search.errors import StorageError
from search.stores.marked import marked
from search.stores.optuna import OptunaStudy
from search.stores.optuna.identity import GoneError
from search.stores.optuna.notes import Notes
from search.study import Study
from search.study.design import plan
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt, question, template

OURS, THEIRS = "a" * 32, "b" * 32
Open = Callable[..., OptunaStudy]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return template(tmp_path_factory.mktemp("template")).read_bytes()


@pytest.fixture
def url(storage: bytes, tmp_path: Path) -> str:
    (tmp_path / "optuna.db").write_bytes(storage)
    return f"sqlite:///{tmp_path}/optuna.db"


@pytest.fixture
def open_study(url: str) -> Iterator[Open]:
    opened: list[OptunaStudy] = []

    def open_study(uid: str = OURS, study: Study | None = None, **options: Any) -> OptunaStudy:
        study = study or question(seeds=1)
        opened.append(OptunaStudy(url, study.name, study, uid, **{"claims": False, **options}))
        return opened[-1]

    yield open_study
    for store in opened:
        store.close()


def queued(store: OptunaStudy) -> OptunaStudy:
    store.enqueue(plan(question(seeds=1)))
    store.write_queue()
    return store


def trials(url: str, name: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=url).get_trials()


def test_another_folders_study_of_the_same_name_is_refused(open_study: Open, url: str) -> None:
    queued(open_study())
    with pytest.raises(StorageError) as raised:
        open_study(THEIRS)
    assert str(raised.value) == (
        f"Optuna's storage {url} has a study rates of another folder of runs. Give this folder a database of its own "
        "(--storage-url), or start a new study beside it with --fresh."
    )
    again = open_study()
    assert (again.is_new, len(again.trials())) == (False, 2)


def test_a_study_without_an_id_is_its_own_folders_alone(open_study: Open) -> None:
    queued(open_study(""))
    with pytest.raises(StorageError, match="of another folder of runs"):
        open_study(THEIRS)
    assert len(open_study(OURS, claims=True).trials()) == 2
    with pytest.raises(StorageError, match="of another folder of runs"):
        open_study(THEIRS, claims=True)


def test_a_study_that_is_renamed_on_the_dashboard_is_found_by_its_id(open_study: Open, url: str) -> None:
    """The dashboard copies it under the new name, and deletes it under the old one."""
    queued(open_study())
    optuna.copy_study(from_study_name="rates", from_storage=url, to_storage=url, to_study_name="archive")
    optuna.delete_study(study_name="rates", storage=url)
    again = open_study()
    assert (again.is_new, again.name, len(again.trials())) == (False, "archive", 2)
    again.tell(trial_record(0, {"learning_rate": 0.01, "seed": 0}, study="rates"), None)
    assert [trial.state for trial in trials(url, "archive")] == [TrialState.COMPLETE, TrialState.WAITING]
    assert optuna.get_all_study_names(url) == ["archive"]


@pytest.mark.parametrize("uid", [OURS, ""])
@pytest.mark.parametrize("another", [True, False])
def test_a_study_that_was_deleted_meanwhile_is_not_written_to(
    uid: str, another: bool, open_study: Open, url: str
) -> None:
    """SQLite gives its row, and the rows of its trials, to the next one."""
    store = queued(open_study(uid))
    optuna.delete_study(study_name="rates", storage=url)
    if another:
        optuna.create_study(study_name="other", storage=url, direction="maximize").enqueue_trial({"x": 1})
        assert optuna.load_study(study_name="other", storage=url)._study_id == store.study_id
    record = trial_record(0, {"learning_rate": 0.01, "seed": 0}, study="rates")
    store.enqueue(plan(question(seeds=2)))
    for write in (
        lambda: store.tell(record, None),
        lambda: store.report(record),
        lambda: store.put_back(0),
        lambda: store.refuse(0, "x"),
        store.write_queue,
        store.note_cost,
    ):
        with pytest.raises(GoneError) as raised:
            write()
    assert str(raised.value) == (
        f"the study rates was deleted in Optuna's storage {url} while it ran, so nothing more is written there; its "
        "trials stand in the journals, and the same command makes it again from them"
    )
    assert optuna.get_all_study_names(url) == (["other"] if another else [])
    if another:
        assert [trial.state for trial in trials(url, "other")] == [TrialState.WAITING]


def test_a_study_that_was_made_for_nothing_is_taken_back(open_study: Open, url: str) -> None:
    queued(open_study()).discard()
    assert optuna.get_all_study_names(url) == []
    open_study()
    open_study().discard()
    assert optuna.get_all_study_names(url) == ["rates"], "it was there before"


def test_what_somebody_queued_by_mistake_fails_and_the_next_is_asked_for(open_study: Open, url: str) -> None:
    study = hunt(5, sampler="random").model_copy(deep=True)
    levels = {"learning_rate": {"low": 1e-5, "high": 0.1, "log": True}, "depth": {"levels": [1, 2, 3]}}
    study = Study.model_validate({**study.model_dump(mode="json", exclude_none=True), "scientific": levels})
    store = open_study(study=study)
    optuna.load_study(study_name="hunt", storage=url).enqueue_trial({"depth": "two"})
    optuna.load_study(study_name="hunt", storage=url).enqueue_trial({"depth": 2})
    number, params = store.ask()
    assert (number, params["depth"]) == (1, 2)
    first, second = trials(url, "hunt")
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.WAITING)  # until its first telling
    assert first.user_attrs["failure"].startswith("queued with {'depth': 'two'}: 'two' not in (1, 2, 3)")
    assert store.ask()[0] == 2


def test_what_a_person_writes_in_a_note_stays(open_study: Open, url: str) -> None:
    queued(open_study())
    with closing(Notes(url, "rates", OURS)) as notes:
        notes.write("the answer", {0: "[Run](x)"})
    study = optuna.load_study(study_name="rates", storage=url)
    trial = optuna.Trial(study, study.get_trials()[0]._trial_id)
    assert (get_note(study), get_note(trial)) == (marked("the answer"), marked("[Run](x)"))
    save_note(study, f"{get_note(study)}\n\nAda: look at trial 0")
    save_note(trial, "mine alone")
    with closing(Notes(url, "rates", OURS)) as notes:
        notes.write("another answer", {0: "[Run](y)"})
    study = optuna.load_study(study_name="rates", storage=url)
    trial = optuna.Trial(study, study.get_trials()[0]._trial_id)
    assert get_note(study) == f"{marked('another answer')}\n\nAda: look at trial 0"
    assert get_note(trial) == f"mine alone\n\n{marked('[Run](y)')}"
    with pytest.raises(StorageError, match="has no study rates"):
        Notes(url, "rates", THEIRS)
