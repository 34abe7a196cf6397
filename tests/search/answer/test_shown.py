"""The answer where people look: MLflow's pages and the Optuna dashboard, on a study that was run, in a real browser."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search import ui
from search.addresses.urls import TRAINING_VIEW, runs_page
from search.console.callbacks import View
from search.controller.session import Options, run_study
from search.executors import Executor, TrainerSource
from search.settings import Places
from search.stack.embedded import Server
from search.stores.mlflow import Tracker
from tests.search.workshop import Noops, hunt, question

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


class Shown:
    """The addresses of both servers, where the study's run is, and what its answer says first."""

    def __init__(self, places: Places, servers: list[Server], headline: str) -> None:
        self.headline = headline
        self.mlflow, self.optuna = (server.url for server in servers)
        tracker = Tracker(places.tracking_uri, places.artifacts)
        known = tracker.look_up("pooling")
        tracker.close()
        assert known is not None
        self.experiment = f"{self.mlflow}/#/experiments/{known.experiment_id}/runs"
        self.run = f"{self.experiment}/{known.run_id}"
        self.trials = known.trials


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, tiny_images: Path, chromium: str) -> Iterator[Shown]:
    places = Places.of(str(tmp_path_factory.mktemp("shown") / "Ada's runs"))
    places.runs.mkdir()

    def make(source: TrainerSource, logs: Path) -> Executor:
        return Noops(source, logs)

    outcomes = [
        run_study(study, Options(tiny_images, slots=1, command="python -m search.run"), places, View(), make)
        for study in (question(seeds=2, name="pooling"), hunt(8).model_copy(update={"name": "joint"}))
    ]
    with ui.opened(places, threading.Event()) as servers:
        yield Shown(places, servers, outcomes[0].answer.headline)


@pytest.fixture
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened.new_context(viewport={"width": 1440, "height": 1000})
        opened.close()


def shots(tmp_path: Path) -> Path:
    """$SCREENSHOTS, for people to look at."""
    return Path(os.environ.get("SCREENSHOTS", tmp_path))


def test_mlflow_shows_the_page_in_its_frame(shown: Shown, browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(f"{shown.run}/artifacts/answer.html?{TRAINING_VIEW}")
    page.locator("iframe").first.wait_for(timeout=60_000)
    frame = page.frame_locator("iframe").first
    frame.get_by_text("How to read this, and how it was computed").wait_for(timeout=60_000)
    heights = frame.locator("figure svg").evaluate_all("found => found.map(s => s.getBoundingClientRect().height)")
    assert len(heights) >= 3
    assert min(heights) > 60
    assert frame.locator("html").evaluate("html => html.scrollWidth <= html.clientWidth")
    page.screenshot(path=shots(tmp_path) / "mlflow_answer.png")


def test_mlflow_shows_the_sentence_and_the_child_runs(shown: Shown, browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(f"{shown.run}?{TRAINING_VIEW}")
    page.get_by_text("What does the learning rate do?").first.wait_for(timeout=60_000)
    assert len(shown.headline) > 20
    page.get_by_text(shown.headline).first.wait_for()
    page.screenshot(path=shots(tmp_path) / "mlflow_study.png")
    page.goto(f"{shown.experiment}?{TRAINING_VIEW}")
    page.locator("button[data-component-id*=runnamecellrenderer]").first.click(timeout=60_000)  # unfolds
    page.get_by_text("0.01 s0").first.wait_for()
    page.screenshot(path=shots(tmp_path) / "mlflow_children.png")
    first = shown.trials[0]
    page.goto(f"{shown.experiment}/{first}?{TRAINING_VIEW}")
    link = page.get_by_role("link", name="Trial 0 on the Optuna dashboard")
    link.wait_for(timeout=60_000)
    assert link.get_attribute("href").endswith("/dashboard/studies/1/trials?numbers=0")


def test_mlflows_table_shows_accuracy_and_memory(shown: Shown, browser: Any, tmp_path: Path) -> None:
    """As whoever follows the printed address sees it: columns, names that say which trial it is, sorted by accuracy."""
    page = browser.new_page()
    page.set_viewport_size({"width": 2300, "height": 1000})  # the table makes no columns that are out of sight
    page.goto(runs_page(shown.mlflow, shown.experiment.split("/")[-2]))
    page.locator("[col-id*='test_accuracy']").first.wait_for(timeout=90_000)
    page.get_by_text("0.01 s0").first.wait_for()
    page.wait_for_timeout(500)  # the grid lays out its rows
    page.screenshot(path=shots(tmp_path) / "mlflow_table.png")
    headers = page.locator("[role=columnheader][col-id]").evaluate_all("all => all.map(h => h.getAttribute('col-id'))")
    wanted = ["test_accuracy", "final_val_accuracy", "final_train_accuracy", "train_s", "parameters", "learning_rate"]
    assert [name for name in wanted if not any(name in str(header) for header in headers)] == []
    assert any("seed" in str(header) for header in headers)
    cells = page.locator("[role=gridcell][col-id*='`test_accuracy`']").all_inner_texts()
    found = [float(text) for text in cells if text.strip() not in ("", "-")]
    assert len(found) >= 4
    assert found == sorted(found, reverse=True)


def test_the_dashboard_crowns_no_trial_of_a_question(shown: Shown, browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(f"{shown.optuna}/dashboard/studies/1/trials?numbers=0")
    page.get_by_text("Trial 0 (trial_id=").first.wait_for(timeout=90_000)
    assert page.get_by_text("Best Trial", exact=True).count() == 0
    page.screenshot(path=shots(tmp_path) / "dashboard_question_trial.png")
    page.goto(f"{shown.optuna}/dashboard/studies/2/trials")
    page.get_by_text("Best Trial", exact=True).first.wait_for(timeout=90_000)


def test_mlflow_compares_trials(shown: Shown, browser: Any, tmp_path: Path) -> None:
    """Its comparison of runs draws, and no param is missing in any."""
    runs = "%2C".join(f'"{run}"' for run in list(shown.trials.values())[:4])
    number = shown.experiment.split("/")[-2]
    page = browser.new_page()
    page.goto(f'{shown.mlflow}/#/compare-runs?runs=[{runs}]&experiments=["{number}"]&{TRAINING_VIEW}')
    page.get_by_text("Comparing 4 Runs").first.wait_for(timeout=60_000)
    page.get_by_text("learning_rate").first.wait_for(state="attached")
    page.get_by_text("final_val_accuracy").first.wait_for(state="attached", timeout=60_000)
    page.screenshot(path=shots(tmp_path) / "mlflow_compare.png", full_page=True)


def test_the_dashboard_shows_study_note_and_plots(shown: Shown, browser: Any, tmp_path: Path) -> None:
    errors: list[str] = []
    for number, texts in ((1, ["What does the learning rate do?"]), (2, ["Which is best?"])):
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{shown.optuna}/dashboard/studies/{number}/note")
        for text in texts:
            page.get_by_text(text).first.wait_for(timeout=60_000)
        page.locator("table").first.wait_for()
        page.get_by_role("link", name="Study in MLflow").first.wait_for()
        page.get_by_role("link", name="Trials in MLflow").first.wait_for()
        page.screenshot(path=shots(tmp_path) / f"dashboard_note_{number}.png", full_page=True)
        page.goto(f"{shown.optuna}/dashboard/studies/{number}")
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
        page.screenshot(path=shots(tmp_path) / f"dashboard_study_{number}.png", full_page=True)
    page = browser.new_page()
    page.goto(f"{shown.optuna}/dashboard/studies/1/trials?numbers=0")
    page.get_by_role("link", name="Run in MLflow").first.wait_for(timeout=60_000)
    page.screenshot(path=shots(tmp_path) / "dashboard_trial.png")
    assert errors == []
