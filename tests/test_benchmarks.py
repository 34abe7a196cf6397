"""Each measure at its smallest size: that it runs and finds what it says it does. No speed is tested here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import executors, memory, onednn, overhead, peer, training
from benchmarks.__main__ import main
from benchmarks.photographs import quality
from benchmarks.processes import PYTHON, ROOT, BenchmarkError, run
from benchmarks.results import Figure, Measured, number, ratios

# Runs a study with a trainer that does not train, and keeps what it left.
KEEPS = """\
import shutil, sys
from benchmarks.noop_study import main
status = main()
shutil.copytree(sys.argv[sys.argv.index("--runs") + 1], {kept!r})
sys.exit(status)
"""

# Takes the arguments of either side of `peer`, and leaves the databases that were kept.
COPIES = """\
import shutil, sys, tempfile
runs = sys.argv[sys.argv.index("--runs") + 1] if "--runs" in sys.argv else tempfile.mkdtemp()
shutil.copytree({kept!r}, runs, dirs_exist_ok=True)
"""


def script(path: Path, text: str) -> Path:
    path.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{text}")
    return path


@dataclass
class SmallRun:
    """Three trials of the pooling question; the folder keeps their databases."""

    memory: Measured
    kept: Path


@pytest.fixture(scope="module")
def small_run(tiny_images: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    folder = tmp_path_factory.mktemp("small")
    kept = folder / "kept"
    command = [PYTHON, str(script(folder / "keeps.py", KEEPS.format(kept=str(kept))))]
    return SmallRun(memory.measure(tiny_images, epochs=1, search=command), kept)


@pytest.fixture
def copies(small_run: SmallRun, tmp_path: Path) -> Path:
    return script(tmp_path / "a script.py", COPIES.format(kept=str(small_run.kept)))


def figures(measured: Measured) -> dict[str, Figure]:
    return {figure.what.strip(): figure for figure in measured.figures}


def test_memory_tells_the_controller_from_its_slots(small_run: SmallRun) -> None:
    found = figures(small_run.memory)
    controller, slot = found["controller"].median, found["slot (the largest)"].median
    assert controller > slot > 5, "the one imports Optuna and MLflow, the other trains nothing"


def test_peer_measures_both_and_their_ratio(copies: Path, tiny_images: Path) -> None:
    measured = peer.measure(copies, tiny_images, repeat=2, epochs=1, seeds=1, search=[PYTHON, str(copies)])
    found = figures(measured)
    wall_s = zip(found["a script.py"].values, found["this project"].values, strict=True)
    assert found["times faster"].values == tuple(theirs / ours for theirs, ours in wall_s)


def test_other_trials_than_asked_for_are_no_comparison(copies: Path, tiny_images: Path) -> None:
    asked = r"a script.py did other trials than asked for: Optuna has {'max': 1.*} of {'max': 2.*} finished"
    with pytest.raises(BenchmarkError, match=asked):
        peer._peer_run(copies, copies.parent, tiny_images, epochs=1, seeds=2)


@pytest.mark.slow
def test_training_finds_rates_and_the_share_of_a_product(tiny_images: Path) -> None:
    setting = training.Setting(tiny_images, epochs=1, height=24, width=32, product_size=64, product_s=0.01)
    found = figures(training.measure(setting, several=1))
    ours, plain = found["this project, one slot of one thread"], found["plain way, one process, all cores"]
    assert found["times faster"].median == pytest.approx(ours.median / plain.median)
    product, reached = (
        found["large float32 matrix product, all cores"],
        found["this project, convolutions and dense layers"],
    )
    assert found["share of the matrix product"].median == pytest.approx(100 * reached.median / product.median)


def test_overhead_accounts_for_every_trial() -> None:
    found = figures(overhead.measure(trials=4, slots=1))
    assert found["trials not told when it gave up waiting"].median == 0
    path_ms = found["critical path of the controller, a trial"].median
    once_ms = found["of that: making the stores and queueing, once"].median
    trials_ms = (found["the first 2 trials, without that"].median + found["the last 2 trials"].median) / 2
    # What the controller does before the first trial and after the last stands in the first figure alone.
    assert once_ms + trials_ms == pytest.approx(path_ms, rel=0.2)


def test_without_a_script_peer_is_skipped(
    tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures" / "all.json"
    assert main(["--only", "peer", "--data", str(tiny_images), "--out", str(out)]) == 0
    assert "peer: skipped, for no script to measure against was named with --peer." in capsys.readouterr().out
    content = json.loads(out.read_text())
    assert content["measures"] == {}
    assert "cores" in content["machine"]["CPU"]


def test_a_script_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--peer", "nowhere.py"]) == 2
    assert capsys.readouterr().err == "--peer nowhere.py: there is no such file\n"


def test_a_command_that_fails_is_quoted() -> None:
    with pytest.raises(BenchmarkError, match=r"(?s)ended with status 3:\n.*so it goes"):
        run([PYTHON, "-c", "import sys; print('so it goes'); sys.exit(3)"])


def test_figures_are_medians_with_goals() -> None:
    figure = Figure("x", (3.0, 1.0, 2.0), "s", below=2.5)
    assert (figure.median, figure.met) == (2.0, True)
    assert Figure("x", (3.0,), at_least=3).met
    assert Figure("x", (3.0,)).met is None
    assert ratios([8, 9], [2, 3]) == [4, 3]
    assert [number(value) for value in (1234.5, 99.94, 0.01234)] == ["1,234", "99.9", "0.0123"]


def test_the_quality_of_a_grouping() -> None:
    """Six images of three photographs; the first two photographs are of one field."""
    photographs, fields = "aabbcc", "xxxxcc"
    assert quality("112233", photographs, fields).precision == 1
    assert quality("112233", photographs, fields).rand_photographs == 1
    merged = quality("111122", photographs, fields)  # no mistake: one field
    assert (merged.precision, merged.recall, merged.rand_fields, merged.groups) == (1, 1, 1, 2)
    wrong = quality("112323", photographs, fields)  # one of three pairs is right
    assert (wrong.precision, wrong.recall) == (1 / 3, 1 / 3)
    assert wrong.rand_photographs == pytest.approx((1 - 0.6) / (3 - 0.6))  # 3 * 3 / 15 pairs by chance


def test_executors(tiny_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert executors.main(["--data", str(tiny_images), "--slots", "1", "--trials", "3"]) == 0
    head, row = [line for line in capsys.readouterr().out.splitlines() if "executor" in line or "local" in line]
    assert "trials/s" in head
    assert row.count("ms") == 2


def test_onednn_is_measured_on_and_off() -> None:
    on, off, ratio = onednn.measure(1, ["--height=16", "--width=16", "--batch-size=4"]).figures
    assert on.values[0] > 0
    assert off.values[0] > 0
    assert ratio.values == (on.values[0] / off.values[0],)
