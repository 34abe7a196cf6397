"""The command line: what is refused, in which words, with status 2 and nothing written; --dry-run; --set; the list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search import list as listing
from search import run
from search.executors import Capacity, Leases
from search.folder.journal import TrialJournal
from search.study import toml_file
from search.study.toml_file import study_names
from tests.search.fabricate import data_info, note_study, trial_record
from trainer.vocabulary import POOLINGS

BAD_STUDY = """\
question = "Q?"
seeds = 0
colour = true

[scientific.pooling]
levels = ["max", "max"]
reference = "min"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own: `runs` would appear in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_refusals(elsewhere: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "bad.toml").write_text(BAD_STUDY)
    (elsewhere / "syntax.toml").write_text("question = \n")
    (elsewhere / "empty").mkdir()
    there = set(elsewhere.iterdir())
    data = ["--data", str(tiny_images)]
    pooling = ["--study", "pooling", *data]
    names = ", ".join(study_names())
    cases: list[tuple[list[str], str]] = [
        ([], re.escape(f"Name a study with --study, or --all. There are: {names}.")),
        (["--study", "poling", *data], r"There is no file .*poling\.toml; did you mean pooling\?; the studies in .*"),
        (["--study", "../x", *data], r"\.\./x: a study file's name ends in \.toml; .*"),
        (["--study", "x" * 10_000, *data], r".* \(length 10000\) is no study's name; .*"),
        (["--study", "bad.toml", *data], r"(?s)bad\.toml cannot be used, \d mistakes:\n  bad\.toml:2: seeds.*colour.*"),
        (["--study", "syntax.toml", *data], r"(?s)syntax\.toml cannot be used, 1 mistake:\n  syntax\.toml:1: .*"),
        (["--study", "pooling", "--study", "nope", *data], r"There is no file .*nope\.toml.*"),
        ([*pooling, "--seeds", "0"], r"(?s)The study pooling cannot be changed so:\n  --seeds: .*"),
        ([*pooling, "--epochs", "-1"], r"(?s)The study pooling cannot be changed so:\n  --epochs: .*"),
        ([*pooling, "--n-trials", "5"], r"(?s).*\n  --n-trials: pooling is no search; .*"),
        ([*pooling, "--set", "nonsense"], r"--set nonsense: found no `=`; allowed: NAME=VALUE, as batch_size=32"),
        ([*pooling, "--set", "nosuch=1"], r"(?s)The study pooling cannot be changed so:\n  --set nosuch: .*"),
        ([*pooling, "--set", "batch_size=x"], r"(?s)The study pooling cannot be changed so:\n  --set batch_size: .*"),
        ([*pooling, "--set", "pooling=max"], r"(?s)The study pooling cannot be changed so:\n  --set pooling.*"),
        ([*pooling, "--slots", "0"], r"--slots 0: at least 1"),
        ([*pooling, "--threads", "-2"], r"--threads -2: at least 1"),
        ([*pooling, "--timeout-s", "0"], r"--timeout-s 0\.0: more than 0"),
        ([*pooling, "--timeout-s", "nan"], r"--timeout-s nan: more than 0"),
        ([*pooling, "--silence-s", "3"], r"--silence-s 3: at least 10; trainers speak every 5 s"),
        ([*pooling, "--executor", "hosts"], r"--executor hosts: found no machine; allowed: --hosts lab1,lab2:2, or .*"),
        (
            [*pooling, "--executor", "local", "--hosts", "lab1"],
            r"--hosts lab1: goes with --executor hosts, not with --executor local",
        ),
        (
            [*pooling, "--tracking-uri", "./mlruns"],
            r"--tracking-uri \./mlruns: allowed are a server .* or a database .*",
        ),
        ([*pooling, "--tracking-uri", "file:///x"], r"--tracking-uri file:///x: allowed are a server .*"),
        (["--study", "pooling", "--data", "no such"], r"no such: no such folder \(as given\); it should hold .*"),
        (["--study", "pooling", "--data", "empty"], r"(?s).*empty.*"),
    ]
    for arguments, message in cases:
        assert run.main(arguments) == 2, arguments
        written = capsys.readouterr().err.rstrip("\n")
        assert re.fullmatch(message, written), (arguments, written)
        assert set(elsewhere.iterdir()) == there, arguments


def test_unknown_options_end_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--nosuch"], ["--slots", "two"], ["--executor", "magic"], ["--isolation", "none"]):
        with pytest.raises(SystemExit) as ended:
            run.main(["--study", "pooling", *arguments])
        assert ended.value.code == 2
        assert arguments[0] in capsys.readouterr().err


def test_a_variable_that_names_no_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BLOOD_CELLS_DIR", "/no/such")
    assert run.main(["--study", "pooling"]) == 2
    assert capsys.readouterr().err.startswith("/no/such: no such folder (from $BLOOD_CELLS_DIR); ")


def test_a_dry_run_says_what_it_would_do(
    elsewhere: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--study", "pooling", "--study", "joint", "--data", str(tiny_images), "--slots", "2", "--dry-run"]
    assert run.main([*arguments, "--seeds", "3", "--set", "batch_size=7", "--n-trials", "9"]) == 0
    text = capsys.readouterr().out
    assert list(elsewhere.iterdir()) == []
    pooling, joint = text.split("joint: ", 1)
    for line in (
        f"Images: {tiny_images} (as given)",
        "compares: pooling at max, average, strided, blur",
        "seeds: 3",
        "trials: 12, the first 12 queued at the start",
        "runs on: local processes on the CPU, one thread each; 2 slots",
        f"goes to: {elsewhere / 'runs' / 'studies' / 'pooling'}",
    ):
        assert line in pooling
    assert "batch_size=7" in pooling
    assert re.search(r"time: .*\d", pooling)
    assert "sampler: tpe" in joint
    assert "trials: at most 39, the first 1 queued at the start" in joint
    assert "seeds" not in joint.split("sampler")[1]


@pytest.mark.parametrize(
    ("free", "flags", "slots"),
    [
        ([8000.0], [], "at least 1 slot a GPU, more as they fit, at most 6 slots"),
        ([8000.0], ["--slots", "4"], "at least 1 slot a GPU, more as they fit, at most 4 slots"),
        ([8000.0], ["--slots-per-gpu", "1"], "1 slot"),
        ([8000.0], ["--slots-per-gpu", "3"], "3 slots"),
        (None, [], "1 slot"),
    ],
)
def test_a_dry_run_says_how_many_slots_a_gpu_may_have(
    elsewhere: Path,
    tiny_images: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    free: list[float] | None,
    flags: list[str],
    slots: str,
) -> None:
    monkeypatch.setattr("search.executors._local.visible_gpus", lambda: [0])
    monkeypatch.setattr("search.executors._machine.visible_gpus", lambda: [0])
    monkeypatch.setattr("search.executors._local.available_cores", lambda: 6)
    monkeypatch.setattr("search.executors._local.free_vram_mib", lambda gpus: free)
    assert run.main(["--study", "pooling", "--data", str(tiny_images), "--dry-run", *flags]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("runs on:")]
    assert line.endswith(f"; {slots}")


@pytest.fixture
def studies(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of studies in place of the project's: two questions and a reference model."""
    folder = elsewhere / "studies"
    folder.mkdir()
    for name in ("deep", "wide"):
        text = f'question = "Is {name} better?"\nseeds = 2\n[scientific.depth]\nlevels = [1, 4]\nreference = 4\n'
        (folder / f"{name}.toml").write_text(text)
    (folder / "alone.toml").write_text('question = "How well?"\nseeds = 2\n')
    monkeypatch.setattr(toml_file, "STUDIES", folder)
    return folder


def test_a_study_file_that_is_dropped_in_stands_in_the_help(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (studies / "dropped_in.toml").write_text('question = "Who came?"\n')
    with pytest.raises(SystemExit):
        run.main(["--help"])
    assert "(alone, deep, dropped_in, wide)" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_all_runs_every_question_file(studies: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dry = ["--all", "--data", str(tiny_images), "--dry-run", "--no-stack"]
    assert run.main(dry) == 0
    text = capsys.readouterr().out
    assert re.findall(r"^\d of 2: (\w+): (.*\?)", text, flags=re.MULTILINE) == [
        ("deep", "Is deep better?"),
        ("wide", "Is wide better?"),
    ]
    for name in ("deep", "wide"):
        (studies / f"{name}.toml").unlink()
    assert run.main(dry) == 2
    message = "--all: found no question; allowed: a file in studies/ that compares levels\n"
    assert capsys.readouterr().err == message


def test_help_is_worth_reading(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for words in ("--study NAME|FILE", "--data DIR|demo", "Run again, a study goes on where it stopped.", "--fresh"):
        assert words in text
    for line in text.splitlines():
        assert len(line) <= 120


def test_help_lists_every_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    with POOLINGS.registered("lp", POOLINGS["max"]), pytest.raises(SystemExit):
        run.main(["--help"])
    text = capsys.readouterr().out
    assert re.search(r"^  pooling +max, average, strided, blur, lp$", text, re.MULTILINE)
    assert re.search(r"^  sampler +tpe, random, ", text, re.MULTILINE)


def test_the_list_without_runs(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main([]) == 0
    text = capsys.readouterr().out
    for name in study_names():
        assert name in text
    assert text.count("not begun") == len(study_names())
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_runs_with_a_broken_journal(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:

    from search.folder.lock import StudyLock
    from tests.search.workshop import question

    study = question(seeds=2)
    folder = elsewhere / "runs" / "studies" / "rates"
    (folder / "trials").mkdir(parents=True)
    note_study(folder, study, data=data_info(root="/images"))
    for number, end in enumerate(("finished", "error", "running")):
        record = trial_record(number, {"learning_rate": 0.01, "seed": number}, end=end)
        journal = TrialJournal(folder / "trials", "rates", number, record.params, record.role)
        written = journal.begin(record.config, record.ready, 0)
        for event in record.events:
            written = journal.add(written, event)
        journal.close()
    assert listing.main([]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "rates" in line and "/images" in line]
    assert [cell.strip() for cell in re.split("[│┃]", row)[1:6]] == ["rates", "4", "1", "1", "stopped"]
    with StudyLock(folder, "rates"):
        assert listing.main([]) == 0
        assert "running (process" in capsys.readouterr().out.replace("\n", " ")
    (folder / "trials" / "00003.jsonl").write_text("nonsense\n")
    assert listing.main([]) == 2
    assert "this is no journal of a trial" in capsys.readouterr().err


def test_a_dry_run_says_that_a_sampler_learns_nothing_from_constraints(
    tmp_path: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.toml"
    text = 'question = "Which?"\n[search]\nn_trials = 9\nsampler = "random"\n[constraints]\nparameters = 5000\n'
    file.write_text(f"{text}[scientific.depth]\nlow = 1\nhigh = 4\n")
    arguments = ["--study", str(file), "--dry-run", "--data", str(tiny_images), "--no-stack"]
    assert run.main([*arguments, "--runs", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    assert "constraints: The sampler random learns nothing from constraints: trials that exceed one are stopped" in said


def test_a_dry_run_with_looks_says_at_most(
    tmp_path: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--study", "pooling", "--seeds", "5 to 20", "--dry-run", "--data", str(tiny_images), "--no-stack"]
    assert run.main([*arguments, "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "seeds: at most 20, looks after 5, 8, 12, 20" in said
    assert re.search(r"trials: at most \d+, the first \d+ queued at the start", said)
    assert "time: at most about" in said


def test_what_a_run_on_other_machines_would_do(
    elsewhere: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--hosts` alone asks for the executor. The machine is this one, without ssh."""
    (elsewhere / "hosts.toml").write_text(f'[here]\nprefix = []\nslots = 3\ngpus = []\ncache = "{elsewhere}/cache"\n')
    asked = ["--study", "pooling", "--data", str(tiny_images), "--hosts", "here:2", "--no-stack", "--dry-run"]
    assert run.main(asked) == 0
    said = capsys.readouterr().out
    assert "Executor: hosts (as given)" in said
    assert re.search(r"runs on: here: 2 slots on .+; 2 slots", said)
    assert (elsewhere / "cache" / "code").is_dir()


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
def test_a_dry_run_looks_at_gpus_and_stores_as_the_run_would(
    elsewhere: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And writes nothing."""
    (elsewhere / "notes.txt").write_text("no database\n" * 100)
    there = set(elsewhere.iterdir())
    dry = ["--study", "pooling", "--data", str(tiny_images), "--no-stack", "--dry-run"]
    assert run.main(dry) == 0
    said = capsys.readouterr().out
    assert f"Optuna: sqlite:///{elsewhere}/runs/optuna.db, the study would be made" in said
    assert f"MLflow: sqlite:///{elsewhere}/runs/mlflow.db, would be made" in said
    assert run.main([*dry, "--gpus", "0,3"]) == 2
    message = (
        "--gpus 0,3: NVIDIA's driver shows no GPU (try nvidia-smi) on this machine; --gpus none trains on the CPU\n"
    )
    assert capsys.readouterr().err == message
    monkeypatch.setattr("search.executors._machine.visible_gpus", lambda: [0, 1])
    assert run.main([*dry, "--gpus", "0,3"]) == 2
    assert "NVIDIA's driver shows GPU 0, 1 on this machine" in capsys.readouterr().err
    notes = f"sqlite:///{elsewhere}/notes.txt"
    for flag, store in (("--storage-url", "Optuna's storage"), ("--tracking-uri", "MLflow at")):
        assert run.main([*dry, flag, notes]) == 2
        assert re.search(f"^{store} .*file is not a database", capsys.readouterr().err)
    assert run.main([*dry, "--tracking-uri", "http://127.0.0.1:9"]) == 0
    assert "which does not answer now; the study would go on, and tell it later" in capsys.readouterr().out
    assert set(elsewhere.iterdir()) == there


def test_a_dry_run_says_what_other_runs_leave(
    elsewhere: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.executors._local.available_cores", lambda: 2)
    monkeypatch.setattr("search.executors._machine.available_cores", lambda: 2)
    dry = ["--study", "pooling", "--data", str(tiny_images), "--no-stack", "--dry-run"]
    with Leases().taken("depth", Capacity(cores=2), 1, all_of_it=False):
        assert run.main([*dry, "--slots", "2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "one thread each; 1 slot (1 of 2 slots, for depth (process " in said


def test_a_dry_run_of_several_counts_them(studies: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--all", "--data", str(tiny_images), "--dry-run", "--no-stack"]) == 0
    text = capsys.readouterr().out
    assert "1 of 2: deep: Is deep better?" in text
    assert "2 of 2: wide: Is wide better?" in text
