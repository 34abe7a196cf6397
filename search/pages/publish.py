"""Puts an answer where people look: files beside the study, MLflow, the Optuna dashboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from search import urls as links
from search.answer.answer import Answer
from search.answer.markdown import answer_markdown
from search.errors import StorageError
from search.figures.wrong import contact_sheet
from search.folder.load import Recorded
from search.pages.page import Drawn, page
from search.settings import Places
from search.stores.mlflow import Tracker
from search.stores.optuna.notes import Notes
from search.text import plain

PAGE, FIGURES = "answer.html", "figures"


def files_of(drawn: Drawn) -> dict[str, bytes]:
    """The page and its figures, by name; `figures/accuracy.png`."""
    files = {PAGE: plain(page([drawn])).encode()}
    return files | {f"{FIGURES}/{name}.png": content for name, content in figures_of(drawn).items()}


def figures_of(drawn: Drawn) -> dict[str, bytes]:
    """PNG files by name."""
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
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(path)
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from None


def draw(answer: Answer, folder: Path, say: Callable[[str], None]) -> dict[str, bytes]:
    """The page and its figures, as files in the study's folder too; none where they cannot be made, which is said."""
    say("Drawing the answer ...")
    try:
        files = files_of(Drawn.of(answer))
        write(files, folder)
    except Exception as error:  # whatever it is, what was trained must still be told
        say(f"The page of the answer could not be made ({error}); try python -m search.report")
        return {}
    return files


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


def page_on_dashboard(places: Places, study: Recorded) -> str | None:
    """The study's page on the Optuna dashboard; None where the storage does not have it."""
    try:
        with closing(Notes(places.storage_url, study.name, study.uid)) as notes:
            return links.dashboard_study(notes.study_id, places.dashboard_url)
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
        ("Study in MLflow", run),
        ("Page of the answer", f"{runs}/artifacts/{PAGE}?{query}"),
    ]
