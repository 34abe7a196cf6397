"""Puts an answer where people look: files beside the study, MLflow, the Optuna dashboard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from search.addresses import urls as links
from search.answer.answer import Answer, answer_of
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.tables.markdown import answer_markdown
from search.errors import StorageError
from search.figures.in_process import DRAWING, DrawingError
from search.folder.journal import read_trials
from search.folder.load import StoredStudy
from search.settings import Places
from search.stores.mlflow import Tracker
from search.stores.optuna.notes import Notes
from search.study.deciding import DECIDING
from search.study.objectives import OBJECTIVES
from search.study.pruners import PRUNERS
from search.study.samplers import SAMPLERS
from search.text import plain
from trainer.outside import typed
from trainer.vocabulary import AUGMENTATIONS, CLASS_WEIGHTS, HEADS, MODELS, NORMALIZATIONS, OPTIMIZERS, POOLINGS
from trainer.whole_file import whole_file

if TYPE_CHECKING:
    from search.pages.page import Drawn, Links  # matplotlib: only where something is drawn

LOG = logging.getLogger(__name__)
PAGE, CHECKLIST, FIGURES = "answer.html", "checklist.html", "figures"


def files_of(drawn: Drawn, found: Links = ()) -> dict[str, bytes]:
    """The page, the checklist and the figures, by name: `figures/accuracy.png`, `.svg` and `.pdf`.

    Args:
        drawn: an answer.
        found: text and address of where else the study is recorded.
    """
    from search.pages.checklist import checklist
    from search.pages.page import page

    files = {PAGE: plain(page([drawn], folders={drawn.name: ""}, links={drawn.name: found})).encode()}
    files[CHECKLIST] = plain(checklist(drawn.answer)).encode()
    files |= {f"{FIGURES}/{name}.png": content for name, content in figures_of(drawn).items()}
    for picture in drawn.pictures:
        files |= {f"{FIGURES}/{picture.key}.svg": picture.svg_file, f"{FIGURES}/{picture.key}.pdf": picture.pdf}
    return files


def figures_of(drawn: Drawn) -> dict[str, bytes]:
    """The figures of an answer as PNG files, by name."""
    from search.figures.wrong import contact_sheet

    found = {picture.key: picture.png for picture in drawn.pictures}
    sheet = contact_sheet(drawn.wrong)
    return found | ({"most_often_wrong": sheet} if sheet else {})


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Each appears whole or not at all.

    Raises:
        StorageError: the disk refuses.
    """
    for name, content in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                partial.write_bytes(content)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None


def draw(answer: Answer, folder: Path, say: Callable[[str], None], found: Links = ()) -> dict[str, bytes]:
    """The page and its figures, as files in the study's folder too; none where they cannot be made, which is said."""
    say("Drawing the answer ...")
    try:
        files = _drawn_elsewhere(answer, found)
        write(files, folder)
    except Exception as error:  # whatever it is, what was trained must still be told
        again = typed("search.report", "--study", answer.recorded.name)
        say(f"The page of the answer could not be made ({error}); try {again}")
        return {}
    return files


def _drawn_elsewhere(answer: Answer, found: Links) -> dict[str, bytes]:
    """The files of an answer, from another process, or from this one where that cannot draw them."""
    if answer.recorded.folder is None:
        return _files(answer, found)
    try:
        recorded = replace(answer.recorded, records=())  # which are in the folder
        files: dict[str, bytes] = DRAWING.call(__name__, files_of_folder.__name__, recorded, names(), found)
    except DrawingError as error:
        LOG.warning("the answer is drawn in this process: %s", error)
        return _files(answer, found)
    return files


def names() -> list[list[str]]:
    """Every name of the vocabularies that a page reads. What a program registers, only its own process knows."""
    tables = (
        *(MEASURES, CLASS_MEASURES, DECIDING, SAMPLERS, PRUNERS, OBJECTIVES, MODELS),
        *(POOLINGS, NORMALIZATIONS, HEADS, AUGMENTATIONS, OPTIMIZERS, CLASS_WEIGHTS),
    )
    return [list(table) for table in tables]


def files_of_folder(recorded: StoredStudy, known: list[list[str]], found: Links = ()) -> dict[str, bytes]:
    """The files of a study whose records are in its folder: of the trials that are over.

    Args:
        recorded: the study.
        known: the `names` of the process that asks.
        found: text and address of where else the study is recorded.

    Raises:
        LookupError: this process knows others.
    """
    if known != names():
        raise LookupError("names were registered that only the process that asks knows")
    assert recorded.folder is not None
    records = (record for record in read_trials(recorded.folder / "trials") if record.terminal)
    return _files(answer_of(replace(recorded, records=tuple(records))), found)


def _files(answer: Answer, found: Links) -> dict[str, bytes]:
    from search.pages.page import Drawn

    return files_of(Drawn.of(answer), found)


def tell(answer: Answer, files: Mapping[str, bytes], places: Places) -> list[str]:
    """Has MLflow and the Optuna dashboard show the answer of a study that nobody works on.

    Returns what could not be told, in words.
    """
    problems = []
    run: str | None = None
    trial_runs: dict[int, str] = {}
    tracker = Tracker(places.tracking_uri, places.artifacts)
    try:
        study_page = page_on_dashboard(places, answer.recorded)
        found = tracker.look_up(answer.recorded.name, answer.recorded.uid)
        if found is None:
            problems.append(f"MLflow has no run of {answer.recorded.name}")
        else:
            run, trial_runs = tracker.pages(answer.recorded.name, found.trials)
            tracker.show_answer(found, files, plain(answer_markdown(answer, mlflow_links(study_page))))
    except StorageError as error:
        problems.append(str(error))
    finally:
        tracker.close()
    problem = note_on_dashboard(places.storage_url, answer, run, trial_runs)
    return [*problems, *([problem] if problem else [])]


def recorded_at(places: Places, study: StoredStudy) -> Links:
    """Text and address of the pages of a study in MLflow and on the Optuna dashboard; empty where they have none."""
    tracker = Tracker(places.tracking_uri, places.artifacts)
    try:
        run = tracker.pages(study.name, {})[0] if tracker.look_up(study.name, study.uid) else None
    except StorageError:
        run = None
    finally:
        tracker.close()
    return page_links(run, page_on_dashboard(places, study))


def page_links(run: str | None, study_page: str | None) -> Links:
    """What an answer's page links to."""
    return [(text, url) for text, url in (("Runs in MLflow", run), ("Optuna dashboard", study_page)) if url]


def page_on_dashboard(places: Places, study: StoredStudy) -> str | None:
    """The study's page on the Optuna dashboard; None where the storage does not have it."""
    try:
        with closing(Notes(places.storage_url, study.name, study.uid)) as notes:
            return links.dashboard_study(notes.study_id, places.dashboard_url, places.storage_url)
    except StorageError:
        return None


def note_on_dashboard(storage_url: str, answer: Answer, run: str | None, trial_runs: Mapping[int, str]) -> str | None:
    """The answer on the study's page, and on the trials' the pages of their MLflow runs.

    Returns why it could not be noted, in words.
    """
    trials = {number: f"[Run in MLflow]({page_of_run})" for number, page_of_run in trial_runs.items()}
    try:
        with closing(Notes(storage_url, answer.recorded.name, answer.recorded.uid)) as notes:
            notes.write(plain(answer_markdown(answer, dashboard_links(run))), trials)
    except StorageError as error:
        return f"No note on the Optuna dashboard: {error}"
    return None


def mlflow_links(study_page: str | None) -> Sequence[tuple[str, str]]:
    """What a study's description in MLflow links to."""
    return [("Optuna dashboard", study_page or "")] if study_page else []


def dashboard_links(run: str | None) -> Sequence[tuple[str, str]]:
    """What a study's note on the dashboard links to."""
    if run is None:
        return []
    runs, _, query = run.partition("?")
    return [
        ("Trials in MLflow", f"{runs.rpartition('/')[0]}?{query}&viewStateShareKey={links.VIEW}"),
        ("Study in MLflow", run),
        ("Page of the answer", f"{runs}/artifacts/{PAGE}?{query}"),
    ]
