"""What `import search` offers: its names and signatures, a study run by it, and the README's example."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import search
from search.controller import session
from search.errors import ChangedStudyError, SettingsError, StudyFileError
from search.executors import EXECUTORS, Executor, ExecutorEntry, Order
from search.settings import Places
from tests.search.workshop import Noops
from trainer.errors import DataError

# MLflow's own models, when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

ROOT = Path(__file__).resolve().parents[2]
RATES = """\
question = "What does the learning rate do?"
seeds = 5
[scientific.learning_rate]
levels = [0.01, 0.001]
reference = 0.001
[fixed]
epochs = 3
"""


def noops(order: Order) -> Executor:
    return Noops(order.source, order.logs)


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an executor of no-op trainers."""
    monkeypatch.setitem(EXECUTORS, "noop", ExecutorEntry("no-op trainers", noops))
    return "noop"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study file and the runs of all tests here: MLflow's tables take seconds to make."""
    folder = tmp_path_factory.mktemp("Ada's house")
    (folder / "rates.toml").write_text(RATES)
    return folder


Run = Callable[..., search.StudyAnswer]


@pytest.fixture
def run(house: Path, executor: str, tiny_images: Path) -> Run:
    def run(study: Any = house / "rates.toml", **changes: Any) -> search.StudyAnswer:
        given = {"data": tiny_images, "runs": house / "runs", "executor": executor, "slots": 1, "quiet": True}
        return search.run_study(study, **{**given, "use_stack": False, **changes})

    return run


def test_the_public_names() -> None:
    assert search.__all__ == [
        "EffectResult", "Interval", "LevelDifference", "LevelResult", "MeanCost", "SearchError", "StudyAnswer",
        "load_study", "read_answer", "run_study",
    ]  # fmt: skip
    modules = {path.stem for path in (ROOT / "search").iterdir()}
    for name in search.__all__:
        assert name not in modules, f"{name} is a function or a class, and a module's name too"
        assert inspect.getdoc(getattr(search, name)), f"{name} is not documented"


def test_the_signatures() -> None:
    def arguments(function: Callable[..., Any]) -> list[str]:
        return [str(parameter) for parameter in inspect.signature(function).parameters.values()]

    assert arguments(search.load_study) == ["name_or_path: 'str | Path'"]
    assert arguments(search.read_answer) == ["name: 'str'", "runs: 'str | Path | None' = None"]
    assert arguments(search.run_study) == [
        "study: 'str | Path | Study'",
        "data: 'str | Path | None' = None",
        "runs: 'str | Path | None' = None",
        "seeds: 'int | str | None' = None",
        "epochs: 'int | None' = None",
        "n_trials: 'int | None' = None",
        "tune: 'bool' = False",
        "fixed: 'Mapping[str, Value] | None' = None",
        "quick: 'bool' = False",
        "fresh: 'bool' = False",
        "wait: 'bool' = False",
        "prior: 'bool' = True",
        "slots: 'int | None' = None",
        "executor: 'str | None' = None",
        "hosts: 'str | None' = None",
        "use_stack: 'bool' = True",
        "photographs: 'str | None' = None",
        "leaks: \"Literal['stop', 'drop', 'keep']\" = 'stop'",
        "skip_bad_files: 'bool' = False",
        "quiet: 'bool' = False",
    ]
    kinds = [parameter.kind.name for parameter in inspect.signature(search.run_study).parameters.values()]
    assert kinds == ["POSITIONAL_OR_KEYWORD", *["KEYWORD_ONLY"] * 19]


@pytest.mark.parametrize("function", [search.load_study, search.read_answer, search.run_study])
def test_every_argument_and_error_is_documented(function: Callable[..., Any]) -> None:
    text = inspect.getdoc(function) or ""
    assert "Raises:" in text
    if function is not search.load_study:
        for name in inspect.signature(function).parameters:
            assert re.search(rf"^    {name}: \S", text, flags=re.MULTILINE), name


@pytest.mark.parametrize("name", [name for name in search.__all__ if is_dataclass(getattr(search, name))])
def test_every_attribute_is_documented_and_frozen(name: str) -> None:
    documented = inspect.getdoc(getattr(search, name)) or ""
    for each in fields(getattr(search, name)):
        assert each.name.startswith("_") or re.search(rf"^    {each.name}: \S", documented, flags=re.MULTILINE), each
    with pytest.raises(FrozenInstanceError):
        search.Interval(0.5, 0.4, 0.6, (0.5,)).value = 1.0  # type: ignore[misc]


def test_the_import_is_light() -> None:
    """Nothing but the standard library and this package."""
    program = "import sys; before = {*sys.modules}; import search; print(*sorted({*sys.modules} - before))"
    done = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert "search" in roots
    assert roots - {"search"} - set(sys.stdlib_module_names) == set()


def test_a_study_of_the_project_and_one_of_a_file(house: Path) -> None:
    assert search.load_study("pooling").levels == ("max", "average", "strided", "blur")
    assert search.load_study(house / "rates.toml").name == "rates"
    with pytest.raises(StudyFileError, match=r"There is no file .*poling\.toml; did you mean pooling\?"):
        search.load_study("poling")


def test_a_study_is_run_and_read_again(run: Run, house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = run()
    assert capfd.readouterr().out == "", "quiet"
    assert (answer.name, answer.kind, answer.factor) == ("rates", "levels", "learning_rate")
    assert (answer.trials, answer.trials_over, answer.problems) == (10, 10, ())
    assert answer.page == answer.folder / "answer.html" == house / "runs" / "studies" / "rates" / "answer.html"
    assert answer.sentence
    assert not answer.is_demo
    assert [(level.level, level.is_reference) for level in answer.levels] == [(0.01, False), (0.001, True)]
    other, reference = answer.levels
    assert answer.reference is reference
    assert set(other.learnt_seeds) <= set(other.seeds)
    assert len(set(other.seeds)) == 5
    for level in answer.levels:
        assert list(level.accuracy) == ["train", "val", "test"]
        for interval in (*level.accuracy.values(), level.measures["macro_f1"], level.by_class["recall"]["MONOCYTE"]):
            assert 0 <= interval.low <= interval.value <= interval.high <= 1
            assert interval.value == pytest.approx(sum(interval.by_model) / 5)
        assert level.gap is not None
        assert level.gap.value == pytest.approx(level.accuracy["train"].value - level.accuracy["test"].value)
        assert level.costs["parameters"].n == 5
        assert "vram_peak_mib" not in level.costs, "what was not measured is absent"
    assert reference.differences == {}
    assert list(other.differences) == ["train", "val", "test", "gap"]
    test = other.differences["test"]
    assert test.value == pytest.approx(other.accuracy["test"].value - reference.accuracy["test"].value)
    assert test.verdict in ("higher", "lower", "equivalent", "cannot tell")
    assert (test.p < 0.05) == (test.verdict in ("higher", "lower"))
    assert search.read_answer("rates", runs=house / "runs") == answer


def test_the_tables(run: Run) -> None:
    answer = run()
    levels, trials = answer.level_table(), answer.trial_table()
    assert isinstance(levels, pd.DataFrame)
    assert isinstance(trials, pd.DataFrame)
    assert (levels.index.name, list(levels.index)) == ("learning_rate", [0.01, 0.001])
    assert list(levels["n_seeds"]) == [5, 5]
    assert levels.loc[0.01, "test_accuracy"] == answer.levels[0].accuracy["test"].value
    assert levels.loc[0.01, "test_difference_p"] == answer.levels[0].differences["test"].p
    assert levels["test_difference_verdict"].isna().to_list() == [False, True]
    assert (trials.index.name, list(trials.index)) == ("number", list(range(10)))
    assert set(trials["state"]) == {"COMPLETE"}
    assert trials["vram_peak_mib"].isna().all()
    assert str(trials["started_at"].dtype).endswith("UTC]")
    # No-op trainers round the counts of photographs, from which the levels' figures are computed: of 6 images a class.
    means = trials.groupby("learning_rate")["test_accuracy"].mean()
    assert means[0.001] == pytest.approx(answer.levels[1].accuracy["test"].value, abs=1 / 12)
    assert list(trials["seed"][trials["learning_rate"] == 0.01]) == list(answer.levels[0].seeds)


def test_the_call_stands_in_the_records(run: Run, house: Path, tiny_images: Path) -> None:
    run()
    noted = json.loads((house / "runs" / "studies" / "rates" / "study.json").read_text())
    assert noted["command"].startswith(f"search.run_study({str(house / 'rates.toml')!r}, data={str(tiny_images)!r}, ")
    assert noted["command"].endswith(", slots=1, executor='noop', use_stack=False, quiet=True)")


def test_what_cannot_be_used_is_refused(run: Run, house: Path, tmp_path: Path) -> None:
    run()
    with pytest.raises(ChangedStudyError):
        run(epochs=4)
    with pytest.raises(DataError, match="no such folder"):
        run(data=tmp_path / "none")
    with pytest.raises(StudyFileError, match="nosuch"):
        run(fixed={"nosuch": 1})
    with pytest.raises(SettingsError, match="leaks='all': allowed are 'stop', 'drop' and 'keep'"):
        run(leaks="all")
    with pytest.raises(SettingsError, match="slots=0: at least 1"):
        run(slots=0)
    with pytest.raises(SettingsError, match="executor magic: unknown; allowed: local, docker, hosts, ray, noop"):
        run(executor="magic")
    with pytest.raises(SettingsError, match=r"nosuch: no such study in .*; there are: rates"):
        search.read_answer("nosuch", runs=house / "runs")


def test_an_interrupted_study_raises(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C in a notebook's cell does: a loop over studies must end as well."""
    original = session.run_study
    monkeypatch.setattr(session, "run_study", lambda *given: replace(original(*given), end="interrupted"))
    with pytest.raises(KeyboardInterrupt, match="rates was interrupted; the same call goes on"):
        run()


@pytest.fixture
def example() -> str:
    (block,) = re.findall(r"^## From Python\n\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.M | re.S)
    return str(block)


@pytest.fixture
def at_home(tmp_path: Path, tiny_images: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A working folder with data/blood-cells, where local trainers train nothing."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blood-cells").symlink_to(tiny_images)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", ExecutorEntry("no-op trainers", noops))
    return Places.of()


def test_the_example_of_the_readme(example: str, at_home: Places, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(example, "README.md", "exec"), {})
    text = capsys.readouterr().out
    for level in ("max", "average", "strided", "blur"):
        assert re.search(rf"^{level}: \d+\.\d% \(\d+\.\d% to \d+\.\d%\), of 5 seeds \d have learnt$", text, re.M), text
    assert re.search(r"^  against max: \w+.* \(p = \d\.\d{3}\)$", text, re.M)
    assert text.rstrip().endswith(str(at_home.study("pooling") / "answer.html"))
