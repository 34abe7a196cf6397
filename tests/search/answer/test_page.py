"""The page, the figures, the tables and the notes of every kind of study."""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from rich.console import Console

from search.answer import StoredStudy, answer_of
from search.answer.fits import what_fits
from search.answer.tables.markdown import answer_markdown
from search.answer.tables.rows import tables
from search.answer.tables.terminal import print_answer
from search.answer.wrong import most_often_wrong, photo_of
from search.figures.gallery import gallery
from search.figures.style import figure, label_points
from search.figures.wrong import contact_sheet
from search.pages.page import Drawn, page
from search.pages.publish import figures_of, files_of
from search.study import Study
from tests.search.answer.made import COMMAND, question, trial
from tests.search.fabricate import data_info, trial_record
from trainer.events import SplitName

LEVELS = {"max": 0.6, "average": 0.3, "blur": 0.61}


def search(trials: int = 12) -> StoredStudy:
    data = {
        "name": "joint",
        "question": "Which is best?",
        "scientific": {
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "pooling": {"levels": ["max", "average", "blur"]},
            "depth": {"low": 1, "high": 6},
        },
        "search": {"n_trials": max(trials, 1)},
    }
    records = []
    for n in range(trials):
        params = {"learning_rate": 0.0005 * (n % 20 + 1), "pooling": ("max", "blur")[n % 2], "depth": 4 + n % 3}
        shares = (0.9, 0.5 + 0.03 * (n % 7), 0.5 + 0.02 * (n % 5))
        changes = {"parameters": 1000 + 500 * ((n * 5) % 7)}
        records.append(trial(n, params, 100 + n, shares, spread=0.05, role="search", changes=changes, study="joint"))
    return StoredStudy("joint", Study.model_validate(data), data_info(), COMMAND, tuple(records))


def reference() -> StoredStudy:
    study = Study.model_validate({"name": "reference", "question": "How well?", "seeds": 2})
    records = tuple(trial(n, {"seed": n}, n, spread=0.05) for n in range(2))
    return StoredStudy("reference", study, data_info(), COMMAND, records)


def test_a_question_has_its_figures() -> None:
    pictures = gallery(answer_of(question(LEVELS, changes=lambda level: {"parameters": 900 + 100 * len(level)})))
    keys = [picture.key for picture in pictures]
    assert keys[:5] == ["accuracy", "differences", "cost", "learning_curves", "confusion_reference"]
    for picture in pictures:
        assert Image.open(io.BytesIO(picture.png)).width > 600
        assert picture.svg.startswith("<svg viewBox=")
        assert re.search(r"var\(--(ink|muted)\)", picture.svg)
        assert not re.search(r'<g id=|<script|href="(?!#)', picture.svg)
        assert 5_000 < len(picture.svg) < 200_000


def test_nothing_is_ranked_where_nothing_was_learnt() -> None:
    answer = answer_of(question(LEVELS, train=0.26))
    assert [picture.key for picture in gallery(answer)] == ["accuracy", "learning_curves", "confusion_reference"]


def test_a_search_has_its_figures() -> None:
    keys = [picture.key for picture in gallery(answer_of(search()))]
    assert keys == ["history", "pareto", "importances", "parallel_coordinates"]


@pytest.mark.parametrize("trials", [1, 2])
def test_a_search_that_has_just_begun(trials: int) -> None:
    keys = [picture.key for picture in gallery(answer_of(search(trials)))]
    assert keys == ["history", "pareto", "parallel_coordinates"]


def test_studies_without_a_finished_trial_have_a_page() -> None:
    failed = trial_record(0, {"pooling": "max", "seed": 0}, end="error")
    for empty in (question({}, study=question(LEVELS).study, extra=[failed]), search(0)):
        drawn = Drawn.of(answer_of(empty))
        assert drawn.pictures == ()
        assert "No answer yet" in page([drawn])


@pytest.mark.parametrize("made", [question(LEVELS), question(LEVELS, seeds=1), search(), reference()])
def test_every_kind_has_a_page_that_needs_nothing_else(made: StoredStudy) -> None:
    text = page([Drawn.of(answer_of(made))])
    assert text.count("<svg") >= 3
    addresses = re.findall(r'(?:src|href)="([^"#][^"]*)"', text)
    assert [address for address in addresses if not address.startswith("data:")] == []
    assert text.count("<script>") == 1
    assert "<script " not in text, "nothing is loaded"
    assert "Satterthwaite" in text
    assert "Gallas" in text


def test_names_are_text_and_no_markup(tmp_path: Path) -> None:
    data = data_info(class_names=("<b>A", "$x$", "C & D", "E|F"), name="<script>alert(1)</script>")
    made = question(LEVELS)
    made = StoredStudy("pooling", made.study, data, "run --data '<i>'", made.records)
    drawn = Drawn.of(answer_of(made))
    text = page([drawn])
    assert "<script>alert" not in text
    assert "<b>A" not in text
    assert "&lt;i&gt;" in text
    assert "\\<script\\>" in answer_markdown(drawn.answer) or "<script>" not in answer_markdown(drawn.answer)


def test_the_page_of_all_has_a_summary() -> None:
    drawn = [Drawn.of(answer_of(study)) for study in (question(LEVELS, demo=True), search(), reference())]
    text = page(drawn, "What the studies found")
    assert "<h1>What the studies found</h1>" in text
    for one in drawn:
        assert f'<a href="#{one.answer.recorded.name}">' in text
        assert f'<section id="{one.answer.recorded.name}"' in text
    assert 'class="badge">demo set</span>' in text


def test_files(tmp_path: Path) -> None:
    files = files_of(Drawn.of(answer_of(question(LEVELS))))
    assert set(files) >= {
        "answer.html",
        "figures/accuracy.png",
        "figures/differences.png",
        "figures/learning_curves.png",
        "checklist.html",
    }
    text = files["answer.html"].decode()
    linked = set(re.findall(r'<a class="beside" href="([^"]*)"', text))
    assert {"checklist.html", "figures/accuracy.svg", "figures/accuracy.pdf"} <= linked
    assert linked <= set(files), "what is linked is there"


def test_a_page_elsewhere_links_to_the_folders_of_its_studies() -> None:
    one = Drawn.of(answer_of(question(LEVELS)))
    text = page([one], folders={"pooling": "studies/pooling/"}, links={"pooling": [("Runs in MLflow", "http://h/#/1")]})
    assert (
        '<a class="beside" href="studies/pooling/figures/accuracy.svg" data-file="figures/accuracy.svg">SVG</a>' in text
    )
    assert '<a href="http://h/#/1">Runs in MLflow</a>' in text
    assert 'class="beside"' not in page([one])


def test_a_study_of_one_configuration_does_not_call_it_the_reference_model() -> None:
    """As the retraining of a search's best."""
    fixed = {"depth": 2, "train_on_validation": True}
    study = Study.model_validate({"name": "joint-best", "question": "How well?", "seeds": 2, "fixed": fixed})
    records = tuple(trial(n, {"seed": n}, n, spread=0.05) for n in range(2))
    answer = answer_of(StoredStudy("joint-best", study, data_info(), COMMAND, records))
    text = page([Drawn.of(answer)])
    body = text[text.index("<main>") : text.index("How to read this")].replace("all else as in the reference model", "")
    assert "this configuration" in body
    assert "reference" not in body.lower()
    console = Console(file=io.StringIO(), width=80)
    print_answer(answer, console)
    assert "reference" not in console.file.getvalue().replace("to reference", "")  # type: ignore[attr-defined]


def test_the_terminal_has_80_columns() -> None:
    made = question({"max": 0.6, "average": 0.3, "strided": 0.31, "blur": 0.1}, seeds=5)
    for study in (made, search(), reference()):
        console = Console(file=io.StringIO(), width=80)
        print_answer(answer_of(study), console)
        assert isinstance(console.file, io.StringIO)
        lines = console.file.getvalue().splitlines()
        assert max(map(len, lines)) <= 80
        assert "…" not in "".join(lines)
    console = Console(file=io.StringIO(), width=80)
    print_answer(answer_of(made), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert re.search(r"max \* +\d+\.\d +\d+\.\d +\d+\.\d \(\d+–\d+\)\s*\n", text)
    assert re.search(r"average +\d+\.\d +\d+\.\d +\d+\.\d \(\d+–\d+\) +−\d+\.\d \(−\d+ to −\d+\) +lower", text)
    assert "VRAM not measured: no GPU" in text


def test_tables_name_what_failed() -> None:
    failed = trial_record(20, {"pooling": "blur", "seed": 5}, end="error")
    found = {table.key: table for table in tables(answer_of(question(LEVELS, seeds=5, extra=[failed])))}
    assert found["accuracies"].rows[2][-1] == "5 of 5 (1 failed)"
    assert found["accuracies"].marked == {0}
    assert found["differences"].marked == {0}  # average
    assert len(found["classes"].columns) == 5


def test_only_test_accuracy_is_decided() -> None:
    found = {table.key: table for table in tables(answer_of(question(LEVELS, seeds=5)))}["differences"]
    assert found.columns == ("pooling", "test", "p", "verdict", "train", "validation", "gap", "pairs")
    assert [row[3] for row in found.rows] == ["lower", "as well"]
    assert [row[-1] for row in found.rows] == ["5", "5"]
    few = {table.key: table for table in tables(answer_of(question(LEVELS, seeds=3)))}["differences"]
    assert [row[2:4] for row in few.rows] == [("–", "too few seeds")] * 2  # no p beside it


def test_one_seed_has_no_table_of_differences() -> None:
    assert "differences" not in {table.key for table in tables(answer_of(question(LEVELS, seeds=1)))}


def test_trainings_that_did_not_learn_are_counted_and_drawn_apart() -> None:
    stuck = trial(90, {"pooling": "blur", "seed": 5}, 5, (0.26, 0.25, 0.25))
    answer = answer_of(question(LEVELS, seeds=5, extra=[stuck]))
    found = next(table for table in tables(answer) if table.key == "accuracies")
    assert found.columns[-1] == "learnt at seeds"
    assert found.rows[2][-1] == "5 of 6"
    assert "the figures describe a training that learns, not one that is merely started." in found.note
    captions = {picture.key: picture.caption for picture in gallery(answer)}
    assert captions["accuracy"].endswith("Hollow and grey: trainings that did not learn, which are in no mean.")
    assert captions["learning_curves"].endswith("seeds that did not learn, which are in no mean.")


def test_headings_follow_each_other_without_a_gap() -> None:
    one = Drawn.of(answer_of(question(LEVELS, seeds=5, gpu=True)))
    for drawn, title in (([one], ""), ([one, Drawn.of(answer_of(reference()))], "What the studies found")):
        levels = [int(level) for level in re.findall(r"<h(\d)", page(drawn, title))]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_figures_say_what_they_show_to_those_who_do_not_see_them() -> None:
    answer = answer_of(question(LEVELS, seeds=5, changes=lambda level: {"parameters": 900 + 100 * len(level)}))
    labels = {picture.key: re.findall(r'aria-label="([^"]*)"', picture.svg)[0] for picture in gallery(answer)}
    assert labels["accuracy"].startswith("Training and testing accuracy. Test accuracy: max pooling 60.")
    assert labels["differences"].startswith(f"Effect on test accuracy. {answer.headline}")
    assert "On the Pareto front: " in labels["cost"]
    assert "At the end, training and validation accuracy: max pooling " in labels["learning_curves"]
    assert "Most often confused: " in labels["confusion_reference"]


def test_names_of_points_do_not_overlap() -> None:
    drawn = figure(3.4)
    axes = drawn.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    label_points(drawn, axes, [(0.5, 0.5 + 0.01 * n, f"level {n}", False) for n in range(6)])
    drawn.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_what_is_of_the_public_set_alone_stands_beside_no_other() -> None:
    foreign = reference()
    images: dict[SplitName, int] = {"train": 7957, "val": 2000, "test": 2487}
    public = StoredStudy("reference", foreign.study, data_info(images=images), COMMAND, foreign.records)
    for recorded, said in ((foreign, False), (public, True)):
        text = page([Drawn.of(answer_of(recorded))])
        assert ("after 600 epochs" in text) == said
    for words in ("turned and shifted", "blood-cell images", "rightly", "cannot be told"):
        assert words not in page([Drawn.of(answer_of(question(LEVELS, seeds=5)))])


def test_the_page_explains_its_words() -> None:
    text = page([Drawn.of(answer_of(question(LEVELS, seeds=5)))])
    for word in (
        "seed",
        "replicate",
        "fold",
        "level",
        "epoch",
        "gap",
        "macro F1",
        "strided",
        "blur",
        "FLOP",
        "p",
        "Pareto front",
    ):
        assert f"<dt>{word}</dt>" in text
    for term in ("balanced accuracy", "specificity", "AUROC", "calibration error", "training mode", "inference mode"):
        assert f"<dt>{term}</dt>" in text
    assert "is the primary outcome, and the only one decided on: higher, lower" in text
    assert "The margin of equivalence is 5 points." in text


def test_the_page_of_all_says_how_many_studies_are_decided() -> None:
    drawn = [Drawn.of(answer_of(question(LEVELS, seeds=5))) for _ in range(2)]
    assert (
        "2 studies are decided on this page, without a correction for their number: the chance that some claim among "
        "all is false is at most 10\N{NO-BREAK SPACE}%."
    ) in page(drawn, "What the studies found")
    assert "are decided on this page" not in page(drawn[:1])


def test_vram_stands_where_it_was_measured() -> None:
    answer = answer_of(question(LEVELS, gpu=True))
    costs = next(table for table in tables(answer) if table.key == "costs")
    assert costs.columns[1:3] == ("peak VRAM (MiB)", "whole process (MiB)")
    assert costs.rows[0][1:3] == ("1,830", "2,410")
    assert "VRAM" in costs.columns[1]
    assert "What fits on which card" in page([Drawn.of(answer)])


def test_what_fits() -> None:
    assert what_fits([question(LEVELS)]) == []
    large = trial(50, {"pooling": "max", "seed": 9}, 9, (0.9, 0.99, 0.9), changes={"vram_process_mib": 9000.0})
    fits = what_fits([question(LEVELS, gpu=True, extra=[large])])
    assert [fit.card_gb for fit in fits] == [4, 6, 8, 12, 16, 24]
    assert [fit.vram_mib for fit in fits] == [2410, 2410, 2410, 9000, 9000, 9000]
    beside = trial(52, {"pooling": "max", "seed": 8}, 8, (0.9, 0.999, 0.9), changes={"vram_peak_mib": 3200.0})
    fits = what_fits([question(LEVELS, gpu=True, extra=[large, beside])])
    context = 2410 - 1830.5  # what processes were seen to have beside their allocator's peak
    assert [fit.vram_mib for fit in fits] == [2410, *[3200 + context] * 5]
    huge = trial(51, {"pooling": "max", "seed": 9}, 9, changes={"vram_peak_mib": 90_000.0})
    assert [fit.trial for fit in what_fits([question({}, study=question(LEVELS).study, extra=[huge])])] == [None] * 6


def test_the_images_most_often_wrong(tiny_images: Path) -> None:
    files = sorted(str(path.relative_to(tiny_images)) for path in (tiny_images / "TEST").glob("*/*"))
    made = question({"max": 0.6}, study=question(LEVELS).study)
    records = []
    for place, record in enumerate(made.records):
        end = record.finished
        assert end is not None
        wrong = dict.fromkeys(files[: 4 + place], 1)
        test = end.splits["test"].model_copy(update={"wrong": wrong})
        splits = {**end.splits, "test": test}
        event = end.model_copy(update={"splits": splits})
        records.append(type(record)(**{**record.__dict__, "events": (*record.events[:-1], event)}))
    data = data_info(root=str(tiny_images))
    found = most_often_wrong(StoredStudy("pooling", made.study, data, COMMAND, tuple(records)), records)
    assert [image.times for image in found] == [3, 3, 3, 2]  # two copies of the first photograph, then of the next
    assert {photo_of(image.file) for image in found} == {photo_of(files[0]), photo_of(files[3])}
    assert found[0].true == "EOSINOPHIL"
    assert all(image.thumbnail and image.thumbnail.startswith(b"\xff\xd8") for image in found)
    sheet = contact_sheet(found)
    assert sheet is not None
    assert sheet.startswith(b"\x89PNG")
    gone = most_often_wrong(StoredStudy("p", made.study, data_info(root="/nowhere"), COMMAND, tuple(records)), records)
    assert [image.thumbnail for image in gone] == [None] * 4
    assert contact_sheet(gone) is None


def test_figures_are_files_of_their_own() -> None:
    assert set(figures_of(Drawn.of(answer_of(search())))) >= {"history", "pareto"}


def test_markdown_has_question_answer_tables_and_links() -> None:
    answer = answer_of(question(LEVELS, seeds=5))
    text = answer_markdown(answer, [("Study in MLflow", "http://host/#/experiments/1")])
    assert text.startswith("**What does the pooling do?**")
    assert "**At learning rate 0.0005, test accuracy is lower with average pooling" in text
    assert "| pooling | test | train | validation |" in text
    assert "[Study in MLflow](http://host/#/experiments/1)" in text
    assert len(text) < 8000


def test_no_global_state_of_pyplot() -> None:
    program = "import sys, search.pages.page; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_in_a_browser(chromium: str, tmp_path: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    """No error, every figure drawn, nothing wider than the window. Screenshots go to $SCREENSHOTS."""
    from playwright.sync_api import sync_playwright

    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    place = tmp_path / "Ada's answer.html"
    drawn = [Drawn.of(answer_of(study)) for study in (question(LEVELS, gpu=True), search(), reference())]
    place.write_text(page(drawn, "What the studies found"), encoding="utf-8")
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab = context.new_page()
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
        tab.goto(place.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        sizes = tab.evaluate("[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().height)")
        assert len(sizes) >= 10
        assert min(sizes) > 80
        paper, ink = tab.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
        assert (_brightness(paper) > _brightness(ink)) == (scheme == "light")
        assert abs(_brightness(paper) - _brightness(ink)) > 600  # of 765
        letters = tab.evaluate("getComputedStyle(document.querySelector('td')).fontSize")
        assert float(letters.removesuffix("px")) >= 13
        place = tab.locator("svg .hover").nth(3)
        place.scroll_into_view_if_needed()
        tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it has scrolled
        place.hover(force=True)
        assert tab.locator(".tip").is_visible()
        assert re.match(r"\w+ pooling, ", tab.locator(".tip").text_content() or "")
        table = tab.locator("table.sortable").first
        first = table.locator("tbody td:first-child").all_text_contents()
        head = table.locator("th").nth(1)
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        values = [float(text.split()[0]) for text in table.locator("tbody td:nth-child(2)").all_text_contents()]
        assert values == sorted(values)
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "none"
        assert table.locator("tbody td:first-child").all_text_contents() == first
        scrolls = (
            "(box => box.scrollWidth > box.clientWidth + 1)(document.querySelector('.hint').previousElementSibling)"
        )
        assert tab.locator(".hint").first.is_visible() == tab.evaluate(scrolls)
        tab.screenshot(path=shots / f"answer-{width}-{scheme}.png", full_page=True)
        browser.close()
    assert problems == []


def _brightness(color: str) -> int:
    return sum(int(part) for part in re.findall(r"\d+", color)[:3])


def test_studies_with_many_levels_and_trials_keep_their_page_small() -> None:
    """Forty levels, and a search of four hundred trials."""
    levels = tuple(0.001 * (1 + n) for n in range(40))
    spec = {"learning_rate": {"levels": list(levels), "reference": levels[0]}}
    study = Study.model_validate({"name": "rates", "question": "Q?", "seeds": 1, "scientific": spec})
    records = tuple(trial(n, {"learning_rate": level, "seed": 0}, 0) for n, level in enumerate(levels))
    pictures = {p.key: p for p in gallery(answer_of(StoredStudy("rates", study, data_info(), COMMAND, records)))}
    assert "Of 40 levels the reference level and the best" in pictures["learning_curves"].caption
    pictures = {p.key: p for p in gallery(answer_of(search(400)))}
    assert "The best 300 of 400 trials." in pictures["parallel_coordinates"].caption
    assert sum(len(picture.svg) for picture in pictures.values()) < 1_000_000
