"""Each vocabulary takes a new name by one entry: registered here, it goes to the page, to MLflow and to Optuna."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from mlflow import MlflowClient
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from search.answer.measure_table import MEASURES, SplitMeasure
from search.answer.measures import Measure, Predictions, accuracy
from search.controller.session import Options, Outcome, run_study
from search.executors import LocalExecutor, Slot, TrainerSource
from search.executors import Mailbox as Letters
from search.folder.record import TrialRecord
from search.settings import Places
from search.study import Study
from search.study.cost import relative_cost
from search.study.pruners import PRUNERS, Curve, Pruner
from search.study.samplers import SAMPLERS, Proposal, Sampler
from tests.search import extended_trainer, noop_trainer
from tests.search.workshop import Watcher, hunt, question
from trainer.config import TrainConfig
from trainer.data.layouts import READERS, Entry, Layout, Listing
from trainer.vocabulary import POOLINGS

# MLflow's own models, when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


class Executor(LocalExecutor):
    """Local slots on the CPU that remember the last one."""

    def start(self, number: int, mailbox: Letters) -> Slot:
        self.last = super().start(number, mailbox)
        return self.last


class House:
    """A folder of runs, shared by the tests of this module: MLflow's tables take seconds to make."""

    def __init__(self, runs: Path, data: Path) -> None:
        self.places, self.data = Places.of(str(runs)), data
        self.executor: Executor | None = None

    def run(
        self,
        study: Study,
        *,
        command: Sequence[str] = noop_trainer.COMMAND,
        data: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        on_trial: Callable[[TrialRecord], None] | None = None,
    ) -> Outcome:
        def make(source: TrainerSource, logs: Path) -> Executor:
            environment = {noop_trainer.VARIABLE: json.dumps(dict(settings or {}))}
            self.executor = Executor(source, logs, gpus=[], command=command, environment=environment)
            return self.executor

        options = Options(data or self.data, slots=1, command="python -m search.run", prior=False)
        outcome = run_study(study, options, self.places, Watcher(on_trial), make)
        assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
        return outcome

    def page(self, outcome: Outcome) -> str:
        return (outcome.folder / "answer.html").read_text("utf-8")

    def in_optuna(self, outcome: Outcome) -> list[FrozenTrial]:
        storage = optuna.storages.RDBStorage(self.places.storage_url)
        try:
            return optuna.load_study(study_name=outcome.name, storage=storage).get_trials()
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def in_mlflow(self, outcome: Outcome) -> dict[int, Any]:
        """The data of the trials' runs, by number."""
        client = MlflowClient(self.places.tracking_uri)
        experiment = client.get_experiment_by_name(outcome.name)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        return {int(run.data.tags["trial"]): run.data for run in runs if "trial" in run.data.tags}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, tiny_images: Path) -> House:
    return House(tmp_path_factory.mktemp("extensions") / "runs", tiny_images)


def poolings(name: str, *levels: str, **fixed: Any) -> Study:
    spec = {"pooling": {"levels": list(levels), "reference": "max"}}
    data = {"name": name, "question": "What does the pooling do?", "seeds": 1, "scientific": spec, "fixed": fixed}
    return Study.model_validate(data)


def test_a_pooling_is_trained_told_and_drawn(house: House) -> None:
    """By the real trainer."""
    small = {"image_height": 16, "image_width": 16, "depth": 1, "epochs": 1, "batch_size": 8}
    with POOLINGS.registered("l2", extended_trainer.L2):
        outcome = house.run(poolings("real", "max", "l2", **small), command=extended_trainer.COMMAND)
        assert [record.state for record in outcome.records] == ["COMPLETE"] * 2
        assert [trial.params["pooling"] for trial in house.in_optuna(outcome)] == ["max", "l2"]
        assert [house.in_mlflow(outcome)[n].params["pooling"] for n in (0, 1)] == ["max", "l2"]
        assert "l2" in house.page(outcome)
        logs = "".join(path.read_text("utf-8") for path in outcome.folder.rglob("slot-*.log"))
        assert extended_trainer.BUILT in logs
        assert relative_cost(TrainConfig(pooling="l2")) == 3 * relative_cost(TrainConfig())


def test_a_study_that_is_older_than_a_pooling_goes_on_at_it(house: House) -> None:
    """Optuna refuses new categories; those of a question grow in its storage."""
    before = house.run(poolings("older", "max", "average", epochs=2))
    with POOLINGS.registered("l2", extended_trainer.L2):
        study = poolings("older", "max", "average", "l2", epochs=2)
        outcome = house.run(study, command=extended_trainer.NOOP)
        trials = house.in_optuna(outcome)
        assert [trial.params["pooling"] for trial in trials] == ["max", "average", "l2"]
        assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
        assert {trial.distributions["pooling"].choices for trial in trials} == {(*POOLINGS,)}
        assert outcome.records[:2] == before.records
        assert house.in_mlflow(outcome)[2].params["pooling"] == "l2"
        assert "l2" in house.page(outcome)


def error_rate(predictions: Predictions) -> Measure:
    right = accuracy(predictions)
    images = predictions.counts.sum(axis=-1)
    shares = images / images.sum(axis=1, keepdims=True)
    return replace(right, by_seed=1 - right.by_seed, contributions=shares - right.contributions)


def test_a_measure_has_its_column_its_metric_and_its_attribute(house: House) -> None:
    with MEASURES.registered("error", SplitMeasure("error rate", "minimize", "%", error_rate)):
        study = question((0.01, 0.001), seeds=2, epochs=2).model_copy(update={"name": "errors"})
        outcome = house.run(study)
        runs, trials = house.in_mlflow(outcome), house.in_optuna(outcome)
        for record in outcome.records:
            assert record.finished is not None
            confusion = record.finished.splits["test"].confusion
            wrong = 1 - sum(row[n] for n, row in enumerate(confusion)) / sum(map(sum, confusion))
            assert runs[record.number].metrics["test_error"] == pytest.approx(wrong)
            assert trials[record.number].user_attrs["test_error"] == pytest.approx(wrong)
            assert {"train_error", "val_error"} <= runs[record.number].metrics.keys()
        page = house.page(outcome)
        assert ">error rate (test)<" in page
        for level in outcome.answer.levels:
            estimate = level.measures["error"]
            assert estimate.value == pytest.approx(1 - level.measures["accuracy"].value)
            assert f"{100 * estimate.value:.1f} ({100 * estimate.low:.0f}–{100 * estimate.high:.0f})" in page


class Middle(BaseSampler):
    """Always the same trial."""

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return {"learning_rate": 0.01, "depth": 3}[param_name]


def test_a_sampler_proposes(house: House) -> None:
    asked: list[Proposal] = []

    def build(proposal: Proposal) -> BaseSampler:
        asked.append(proposal)
        return Middle()

    with SAMPLERS.registered("middle", Sampler("the middle", build)):
        outcome = house.run(hunt(3, epochs=2, sampler="middle").model_copy(update={"name": "middle"}))
        assert len(asked) == 2
        assert len({proposal.seed for proposal in asked}) == 2
        assert len({proposal.study_seed for proposal in asked}) == 1
        for trial in house.in_optuna(outcome)[1:]:
            assert trial.params == {"learning_rate": 0.01, "depth": 3}
        assert house.in_mlflow(outcome)[2].params["learning_rate"] == "0.01"
        assert "proposed by the middle" in house.page(outcome)


def impatient(curve: Curve, epoch: int, others: Sequence[Curve]) -> bool:
    """Stops every trial but the first."""
    return curve.number > 0


def test_a_pruner_stops_trials(house: House) -> None:
    def go_on(record: TrialRecord) -> None:
        """A stop is sent before this; a training looks for it first."""
        if record.epochs and record.terminal is None:
            assert house.executor is not None
            house.executor.last.send(json.dumps({"step": record.config.trial}))

    with PRUNERS.registered("impatient", Pruner("impatience", impatient)):
        study = hunt(3, epochs=4, pruner="impatient")
        study = study.model_copy(update={"name": "impatient"})
        outcome = house.run(study, settings={"steps": True}, on_trial=go_on)
        assert [trial.state.name for trial in house.in_optuna(outcome)] == ["COMPLETE", "PRUNED", "PRUNED"]
        assert [house.in_mlflow(outcome)[n].tags["state"] for n in range(3)] == ["COMPLETE", "PRUNED", "PRUNED"]
        page = house.page(outcome)
        assert "pruned by impatience" in page
        assert "2 trainings stopped" in page


class Flat(Layout):
    """All files in one folder, as `TRAIN-EOSINOPHIL-0.jpeg`."""

    name: ClassVar[str] = "flat"
    allowed: ClassVar[str] = "files named SIDE-CLASS-NUMBER"

    def detect(self, root: Path) -> bool:
        return any(root.glob("TRAIN-*-*.jpeg"))

    def list(self, root: Path) -> Listing:
        entries = []
        for path in sorted(root.glob("*-*-*.jpeg")):
            side, label, _ = path.stem.split("-")
            status = path.stat()
            entries.append(Entry(path.name, side, label, status.st_size, status.st_mtime_ns))  # type: ignore[arg-type]
        classes = {entry.label for entry in entries}
        return Listing(entries, {"TRAIN": classes, "TEST": classes}, {"TRAIN": "TRAIN", "TEST": "TEST"}, [])


@pytest.fixture
def flat(tmp_path: Path, tiny_images: Path) -> Path:
    root = tmp_path / "flat"
    root.mkdir()
    lines = ["file,photograph"]
    for side in ("TRAIN", "TEST"):
        for label in ("EOSINOPHIL", "MONOCYTE"):
            for number, path in enumerate(sorted((tiny_images / side / label).iterdir())):
                shutil.copy(path, root / f"{side}-{label}-{number}.jpeg")
                lines.append(f"{side}-{label}-{number}.jpeg,{side}-{label}-{number // 3}")  # three copies of each
    (root / "photographs.csv").write_text("\n".join(lines))
    return root


def test_a_reader_of_a_layout(house: House, flat: Path) -> None:
    study = question(seeds=1, epochs=1).model_copy(update={"name": "flat"})
    with READERS.registered("flat", Flat()):
        outcome = house.run(study, data=flat)
        record = house.in_mlflow(outcome)[0]
        assert record.tags["data"] == "flat"
        assert {"test_recall_EOSINOPHIL", "test_recall_MONOCYTE"} <= record.metrics.keys()
        assert [trial.state.name for trial in house.in_optuna(outcome)] == ["COMPLETE"] * 2
        assert "Eosinophil" in house.page(outcome)
