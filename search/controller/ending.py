"""The end of a run: the answer is drawn, and the stores are told the rest."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.console.callbacks import View
from search.controller.controller import Controller
from search.controller.phase import Phase
from search.controller.setup import End
from search.folder.journal import read_trials
from search.folder.record import StudyRecord, TrialRecord, last_end
from search.settings import Places
from search.stores.mlflow import Status
from search.stores.stores import Stores
from search.study import Study
from search.text import plain
from trainer.data.index import example_image

if TYPE_CHECKING:
    from search.answer import Answer

LAST_WORDS_S = 300.0  # how long the end of a study waits for a store that answers
SHORT_WORDS_S = 10.0  # and for one that does not
INTERRUPTED_WORDS_S = 5.0  # for both together after Ctrl-C; the next start tells them the rest


@dataclass(frozen=True)
class Outcome:
    """How a run of a study ended. `untold`: trials that a store does not know yet, by the store's name. `ended`:
    whether MLflow knows how the study stands. `mlflow_page`, `optuna_page`: of the study, where they are known.
    """

    name: str
    end: End
    folder: Path
    records: list[TrialRecord]
    untold: dict[str, int]
    refused: list[str]
    answer: Answer
    critical_s: float
    ended: bool = True
    mlflow_page: str | None = None
    optuna_page: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether Optuna and MLflow know everything."""
        return self.ended and not self.untold and not self.refused


@dataclass(frozen=True)
class Parts:
    """What a run was of.

    Attributes:
        study: the design.
        name: of the study.
        folder: the study's.
        places: the stores.
        data: the folder of images.
        command: the command line.
    """

    study: Study
    name: str
    folder: Path
    places: Places
    data: Path
    command: str


def close_study(parts: Parts, end: End, controller: Controller, stores: Stores, view: View) -> Outcome:
    """Draws the answer, has the stores told the rest, and says how the run ended.

    Args:
        parts: what the run was of.
        end: how the controller ended.
        controller: which has ended.
        stores: open; closed by the caller.
        view: for people.
    """
    is_hurried = controller.phase is Phase.ENDING
    if end == "interrupted":
        timer = threading.Timer(INTERRUPTED_WORDS_S, stores.hurry)
        timer.daemon = True
        timer.start()
    records = [record for record in read_trials(parts.folder / "trials") if record.terminal]
    answer = _answer(parts, stores.study, records)
    if stores.study is not None:
        _queue_study(parts, end, stores.study, answer, controller, stores, view)
    view.say(
        "Telling Optuna and MLflow the rest ..." + ("" if is_hurried else " (Ctrl-C leaves that to the next start)")
    )
    patience_s = 1.0 if is_hurried else LAST_WORDS_S
    untold = {outbox.name: outbox.close(patience_s, min(patience_s, SHORT_WORDS_S)) for outbox in stores.outboxes}
    ended = not stores.mlflow.has_jobs
    if end != "interrupted" and not untold[stores.mlflow.name] and not ended:
        view.say("MLflow was not told how the study ended (its answer, its model): the same command again tells it.")
    if stores.optuna.healthy and controller.phase is not Phase.ENDING:
        _note_on_dashboard(parts, answer, stores, view)
    stores.tracker.close()
    return Outcome(
        name=parts.name,
        end=end,
        folder=parts.folder,
        records=records,
        untold={store: count for store, count in untold.items() if count},
        refused=[*stores.optuna.lost, *stores.mlflow.lost],
        answer=answer,
        critical_s=controller.critical_s,
        ended=ended,
        mlflow_page=stores.tracker.experiment_page(parts.name),
        optuna_page=stores.study.optuna_page if stores.study else None,
    )


def _answer(parts: Parts, record: StudyRecord | None, records: list[TrialRecord]) -> Answer:
    from search.answer import StoredStudy, answer_of  # NumPy and SciPy: a second

    data, command = (record.data, record.command) if record else (None, parts.command)
    quick, uid, seen = (record.quick, record.uid, record.seen) if record else (False, "", ())
    made = StoredStudy(
        parts.name,
        parts.study,
        data,
        command,
        tuple(records),
        folder=parts.folder,
        quick=quick,
        seen=seen,
        uid=uid,
    )
    return answer_of(made)


def _queue_study(
    parts: Parts,
    end: End,
    record: StudyRecord,
    answer: Answer,
    controller: Controller,
    stores: Stores,
    view: View,
) -> None:
    """What MLflow is told of the study itself, once it knows of every trial."""
    from search.answer.headline import headline
    from search.answer.tables.markdown import answer_markdown
    from search.pages.publish import draw, mlflow_links, page_links

    tracker, mlflow = stores.tracker, stores.mlflow
    status: Status = "FINISHED" if end == "finished" else "KILLED"
    tally = controller.tally
    counts = {"trials": tally.total, "trials_complete": tally.complete, "trials_failed": tally.failed}
    shown = headline(answer)
    metrics = {**{key: float(value) for key, value in counts.items()}, **shown.metrics}
    ended_at = last_end(answer.recorded.records)
    files: dict[str, bytes] = {}
    if end != "interrupted" and answer.recorded.records:
        run, _ = tracker.pages(parts.name, {})
        files = draw(answer, parts.folder, view.say, page_links(run, record.optuna_page))
    text = plain(answer_markdown(answer, mlflow_links(record.optuna_page)))
    if files:
        mlflow.later(lambda: tracker.log_study_files(record, files))
    mlflow.later(lambda: tracker.close_study(record, status, text, metrics, ended_at, shown.of))
    best = controller.results.best
    if end == "finished" and best is not None:
        mlflow.later(lambda: _log_model(parts, record, best, stores))


def _log_model(parts: Parts, record: StudyRecord, best: TrialRecord, stores: Stores) -> None:
    """The study's best model, once. Its file stays in the study's folder."""
    if best.finished is None or not best.finished.model_file:
        return
    file = parts.folder / "models" / best.finished.model_file
    if file.exists():
        stores.tracker.log_model(record, best, file, record.data.class_names, example_image(parts.data))


def _note_on_dashboard(parts: Parts, answer: Answer, stores: Stores, view: View) -> None:
    from search.pages.publish import note_on_dashboard

    run, trial_runs = stores.tracker.pages(parts.name, stores.runs)
    problem = note_on_dashboard(parts.places.storage_url, answer, run, trial_runs)
    if problem:
        view.say(problem)


def load_answer() -> None:
    """Loads what the answer is made with, while the last trials train: NumPy and SciPy here, and what draws it."""
    with contextlib.suppress(Exception):  # whoever needs it at the end will say what is wrong
        import scipy.special  # noqa: F401

        from search.figures.in_process import DRAWING

        DRAWING.load("search.pages.page")
