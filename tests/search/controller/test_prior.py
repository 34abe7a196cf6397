"""What a search starts from: which questions count, which trials they give, and that each is trained once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from search.answer import StoredStudy, answer_of
from search.answer.words.facts import facts
from search.controller.prior import answered_on, has_questions, with_prior
from search.folder.manifest import read_manifest
from search.settings import Places
from search.stores.optuna.distributions import space_of
from search.stores.optuna.observed import WithObserved, observed_trials
from search.study import Study
from search.study.design import plan, reference_params
from search.study.samplers import SAMPLERS, Proposal, Sampler
from search.study.space import Levels, Range
from search.study.starts import Found, Observed, Start, observed_text, starts_from, starts_text
from tests.search import workshop
from tests.search.answer.made import trial
from tests.search.fabricate import data_info, note_study, note_trials
from tests.search.workshop import Watcher, Workshop, hunt

pytestmark = pytest.mark.usefixtures("quick_to_open")

REFERENCE = {"learning_rate": 0.0005, "depth": 4}
OBSERVED = tuple(
    Observed(
        study="depth",
        number=number,
        params={"learning_rate": 0.0005, "depth": 1 + number % 6},
        values={"val_accuracy": 0.5 + number / 100, "parameters": 1000.0 * (1 + number % 6)},
    )
    for number in range(12)
)
STARTS = (
    Start(params={"learning_rate": 0.001, "depth": 4}, why="learning_rate: learning rate 0.001"),
    Start(params={"learning_rate": 0.0005, "depth": 3}, why="depth: 3 blocks"),
    Start(params={"learning_rate": 0.001, "depth": 3}, why="their combination"),
)


def depths(levels: dict[int, float], name: str = "depth", **changes: Any) -> tuple[Study, list[Any]]:
    """A question of depths with the share of images that is right at each, and its trials."""
    spec = {"depth": {"levels": list(levels), "reference": 4}}
    data = {"name": name, "question": "q?", "seeds": 2, "scientific": spec, "fixed": {"epochs": 10, **changes}}
    trials = [
        trial(2 * place + seed, {"depth": depth, "seed": seed}, seed, (0.9, share, share), study=name)
        for place, (depth, share) in enumerate(levels.items())
        for seed in range(2)
    ]
    return Study.model_validate(data), trials


def note(places: Places, study: Study, trials: list[Any], name: str = "", **changes: Any) -> None:
    folder = note_study(places.study(name or study.name), study, **{"name": name or study.name, **changes})
    note_trials(folder, trials)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.of(str(tmp_path / "runs"))


def test_each_question_gives_its_best_level_and_all_of_them_their_combination() -> None:
    base = {"rate": 0.1, "depth": 4, "pooling": "max"}
    depth = Found(question="depth", factor="depth", level="3 blocks", params={"depth": 3, "rate": 0.2})
    same = Found(question="rate", factor="rate", level="rate 0.1", params={"rate": 0.1, "depth": 4})
    pooling = Found(question="p", factor="pooling", level="blur pooling", params={"pooling": "blur", "depth": 2})
    starts = starts_from(base, [depth, same, pooling])
    assert [dict(start.params) for start in starts] == [
        {"rate": 0.2, "depth": 3, "pooling": "max"},
        {"rate": 0.1, "depth": 2, "pooling": "blur"},
        {"rate": 0.1, "depth": 3, "pooling": "blur"},  # each question decides on its own factor
    ]
    assert starts_text(starts) == "depth: 3 blocks; p: blur pooling; their combination"
    assert starts_from(base, [same]) == ()
    assert len(starts_from(base, [depth])) == 1


def test_a_first_trial_has_a_conditional_parameter_only_where_it_is_proposed() -> None:
    specs: dict[str, Levels | Range] = {
        "depth": Range(low=1, high=6),
        "width": Range(low=1.0, high=4.0, when={"depth": [3, 4, 5, 6]}),
    }
    base = {"depth": 4, "width": 1.0}
    shallow = Found(question="depth", factor="depth", level="2 blocks", params={"depth": 2, "width": 1.0})
    wide = Found(question="width", factor="width", level="width 2", params={"depth": 4, "width": 2.0})
    starts = starts_from(base, [shallow, wide], specs)
    assert [dict(start.params) for start in starts] == [{"depth": 2}, {"depth": 4, "width": 2.0}]


def test_questions_count_that_are_over_on_the_same_images(places: Places) -> None:
    assert not has_questions(places)
    study, trials = depths({4: 0.6, 3: 0.8})
    note(places, study, trials, quick=False)
    note(places, *depths({4: 0.6, 3: 0.8}, "half"), quick=False)
    (places.study("half") / "trials" / "00003.jsonl").unlink()
    note(places, *depths({4: 0.6, 3: 0.8}, "other"), data=data_info(fingerprint="f" * 64))
    note(places, *depths({4: 0.6, 3: 0.8}, "regrouped"), data=data_info(grouping="g"))
    note(places, *depths({4: 0.6, 3: 0.8}, "short"), quick=True)
    note(places, hunt(), [])
    (places.study("damaged")).mkdir()
    (places.study("damaged") / "study.json").write_text("{")
    assert has_questions(places)
    assert [one.name for one in answered_on(places, data_info(), quick=False)] == ["depth"]
    assert [one.name for one in answered_on(places, data_info(), quick=True)] == ["short"]


def test_a_search_starts_from_the_best_levels_in_its_space(places: Places) -> None:
    note(places, *depths({4: 0.6, 3: 0.8}))
    said: list[str] = []
    study = with_prior(hunt(), answered_on(places, data_info(), quick=False), said.append)
    assert study.starts == (STARTS[1],)
    assert said == [
        "It starts from: the reference model; depth: 3 blocks. (What questions on the same images found; --no-prior "
        "begins without.)"
    ]
    assert [planned.params for planned in plan(study)] == [REFERENCE, STARTS[1].params]
    assert study.canonical() == hunt().canonical()
    assert Study.model_validate(study.model_dump(mode="json")) == study
    answer = answer_of(StoredStudy("hunt", study, None, "", ()))
    assert dict(facts(answer))["Starts from"] == "the reference model; depth: 3 blocks"
    assert "Starts from" not in dict(facts(answer_of(StoredStudy("hunt", hunt(), None, "", ()))))


def test_what_the_reference_model_wins_or_the_space_has_not_gives_no_start(places: Places) -> None:
    note(places, *depths({4: 0.8, 3: 0.6}))
    said: list[str] = []
    questions = answered_on(places, data_info(), quick=False)
    assert with_prior(hunt(), questions, said.append) == hunt()
    narrow = hunt().model_dump()
    narrow["scientific"] = {"learning_rate": {"low": 1e-4, "high": 1e-2}, "depth": {"low": 5, "high": 6}}
    assert with_prior(Study.model_validate(narrow), questions, said.append).starts == ()
    assert said == []


def test_trainings_with_equal_settings_count_as_observed(places: Places) -> None:
    """Those that differ in seed and fold alone; questions are trained for 10 epochs here, and `hunt` for 3."""
    note(places, *depths({4: 0.6, 3: 0.8}))
    questions = answered_on(places, data_info(), quick=False)
    assert with_prior(hunt(epochs=3), questions, [].append).observed == ()
    said: list[str] = []
    study = with_prior(hunt(epochs=10, constraints={"train_s": 9}), questions, said.append)
    assert [(one.study, one.number, dict(one.params)) for one in study.observed] == [
        ("depth", number, {"learning_rate": 0.0005, "depth": depth}) for number, depth in enumerate([4, 4, 3, 3])
    ]
    record = questions[0].finished[0]
    assert record.finished is not None
    assert study.observed[0].values == {
        "val_accuracy": record.finished.splits["val"].accuracy,
        "parameters": 98765.0,
        "train_s": 12.5,
    }
    known = "4 trainings of depth with equal settings"
    assert observed_text(study.observed) == known
    assert said[0].startswith(f"It starts from: the reference model; depth: 3 blocks; {known} count as observed. (")
    assert Study.model_validate(study.model_dump(mode="json")) == study
    answer = answer_of(StoredStudy("hunt", study, None, "", ()))
    assert dict(facts(answer))["Starts from"] == f"the reference model; depth: 3 blocks; {known}"
    (trial, *_) = observed_trials(study, space_of(study), "parameters")
    assert (trial.values, trial.user_attrs) == (
        [record.finished.splits["val"].accuracy, 98765.0],
        {"from": "depth 0"},
    )
    assert trial.constraints == {"vram": 0.0, "train_s": pytest.approx(12.5 / 9 - 1)}, "as a trial of the search has"
    assert observed_trials(study, space_of(study), "vram_peak_mib") == []


def test_a_training_that_stayed_at_chance_is_observed_as_worse_than_the_others(places: Places) -> None:
    question, trials = depths({4: 0.6, 3: 0.8})
    stuck = [trial(4 + seed, {"depth": 2, "seed": seed}, seed, (0.26, 0.26, 0.26), study="depth") for seed in range(2)]
    spec = {"depth": Levels(levels=(4, 3, 2), reference=4)}
    note(places, question.model_copy(update={"scientific": spec}), [*trials, *stuck])
    study = with_prior(hunt(epochs=10), answered_on(places, data_info(), quick=False), [].append)
    found = observed_trials(study, space_of(study), "parameters")
    assert [(trial.params["depth"], trial.state.name) for trial in found] == [
        *((4, "COMPLETE"),) * 2,
        *((3, "COMPLETE"),) * 2,
        *((2, "PRUNED"),) * 2,
    ]
    storage = InMemoryStorage()
    seen = WithObserved(storage, found)
    number = storage.create_new_study([StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE], "hunt")
    assert len(seen.get_all_trials(number)) == 6
    assert [trial.params["depth"] for trial in seen.get_all_trials(number, states=(TrialState.PRUNED,))] == [2, 2]


def test_a_sampler_learns_from_what_is_observed(tmp_path: Path, storage: Path) -> None:
    """They are in what it reads, before the study's own trials, and none of them is in the study."""
    seen: list[tuple[int, list[str]]] = []

    class Watching(TPESampler):
        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            there = [one.user_attrs.get("from", "") for one in study.get_trials(deepcopy=False)]
            seen.append((self._n_startup_trials, there))
            return super().sample_relative(study, trial, search_space)

    def build(proposal: Proposal) -> TPESampler:
        return Watching(seed=proposal.seed, n_startup_trials=proposal.n_startup_trials)

    observed = [f"depth {number}" for number in range(12)]
    found = []
    for learns, before in ((True, observed), (False, [])):
        sampler = Sampler("watching", build, starts_at_random=True, learns_from_any=learns)
        with SAMPLERS.registered("watching", sampler):
            study = hunt(4, sampler="watching", n_startup_trials=1).model_copy(update={"observed": OBSERVED})
            shop = workshop.workshop(tmp_path / str(learns), storage)
            assert shop.run(study) == "finished"
        assert seen == [(1 + len(before), [*before, *[""] * trials]) for trials in (2, 3, 4)]
        assert len(shop.trials("hunt")) == len(shop.records()) == 4
        found.append(settings(shop))
        seen.clear()
    assert found[0][1:] != found[1][1:]
    assert [name for name, entry in SAMPLERS.items() if entry.learns_from_any] == ["tpe", "gp", "auto"]


def test_what_is_observed_has_a_conditional_parameter_only_where_it_was_proposed() -> None:
    specs = {"pooling": {"levels": ["max", "average"]}, "dropout_rate": {"low": 0.0, "high": 0.5}}
    specs["dropout_rate"]["when"] = {"pooling": ["average"]}  # type: ignore[assignment]
    data = {"name": "x", "question": "?", "scientific": specs, "search": {"n_trials": 5}}
    one = Observed(study="p", number=0, params={"pooling": "max"}, values={"val_accuracy": 0.5, "parameters": 9.0})
    study = Study.model_validate(data).model_copy(update={"observed": (one,)})
    (found,) = observed_trials(study, space_of(study), "parameters")
    assert found.params == {"pooling": "max"}


def test_what_is_observed_changes_no_book(tmp_path: Path, storage: Path) -> None:
    """Interrupted, gone on with, and with Optuna's database lost, the trials and their numbers are the same."""
    study = started(6).model_copy(update={"observed": OBSERVED})
    shop = workshop.workshop(tmp_path / "runs", storage)

    def interrupt(record: Any) -> None:
        if record.number == 5 and not record.terminal:
            assert shop.controller is not None
            shop.controller.interrupt()

    assert shop.run(study, view=Watcher(interrupt)) == "interrupted"
    assert shop.run(study) == "finished"
    found = settings(shop)
    assert len(found) == 6
    Path(shop.url.removeprefix("sqlite:///")).write_bytes(storage.read_bytes())
    assert shop.run(study) == "finished"
    assert settings(shop) == found
    assert [trial.state.name for trial in shop.trials("hunt")] == ["COMPLETE"] * 6


def started(n_trials: int = 6, **search: Any) -> Study:
    return hunt(n_trials, **{"sampler": "random", **search}).model_copy(update={"starts": STARTS})


def settings(shop: Workshop) -> list[dict[str, Any]]:
    return [dict(record.params) for record in shop.records() if record.role == "search"]


FIRST = [REFERENCE, *(dict(start.params) for start in STARTS)]


@pytest.mark.parametrize("slots", [1, 3])
def test_the_first_trials_are_queued_and_count_in_the_budget(tmp_path: Path, storage: Path, slots: int) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    assert shop.run(started(), slots=slots) == "finished"
    found = settings(shop)
    assert len(found) == 6
    assert found[:4] == FIRST
    assert [trial.user_attrs["role"] for trial in shop.trials("hunt")] == ["search"] * 6
    assert shop.run(started(), slots=slots) == "finished"
    assert settings(shop) == found
    few = workshop.workshop(tmp_path / "few", storage)
    assert few.run(started(2)) == "finished"
    assert settings(few) == FIRST[:2]


def test_first_trials_that_were_never_written_are_queued_at_the_next_start(tmp_path: Path, storage: Path) -> None:
    """A controller died before Optuna had its queue, or somebody lost Optuna's database: numbers stay the journals'."""
    straight = workshop.workshop(tmp_path / "straight", storage)
    assert straight.run(started()) == "finished"
    for kept in ([0], [0, 2], [1], [0, 1, 2, 3, 4]):
        shop = workshop.workshop(tmp_path / f"lost{len(kept)}{kept[-1]}", storage)
        for number in kept:
            name = f"{number:05d}.jsonl"
            (shop.folder / name).write_bytes((straight.folder / name).read_bytes())
        assert shop.run(started()) == "finished"
        assert settings(shop)[:4] == FIRST
        assert len(settings(shop)) == 6
        assert len(shop.trials("hunt")) == 6
        assert [trial.state.name for trial in shop.trials("hunt")] == ["COMPLETE"] * 6


def test_an_interrupted_search_goes_on_with_its_first_trials(tmp_path: Path, storage: Path) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)

    def interrupt(record: Any) -> None:
        if record.number == 1 and not record.terminal:
            assert shop.controller is not None
            shop.controller.interrupt()

    study = started(6, confirm=1)
    assert shop.run(study, view=Watcher(interrupt)) == "interrupted"
    assert shop.run(study) == "finished"
    assert settings(shop)[:4] == FIRST
    assert len(settings(shop)) == 6
    assert reference_params(study) == REFERENCE


def test_starts_are_noted_in_the_manifest(tmp_path: Path) -> None:
    folder = note_study(tmp_path / "hunt", started())
    noted = read_manifest(folder)
    assert noted is not None
    assert noted.study.starts == STARTS
