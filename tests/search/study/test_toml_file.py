"""Study files: what loads, what is refused and in which words, what flags may change, what changes meaning."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from search.errors import SearchError, StudyFileError
from search.study.diagnostics import shown
from search.study.rules import RESERVED
from search.study.study import Kind
from search.study.toml_file import (
    STUDIES,
    Levels,
    ParamValue,
    Range,
    Study,
    load_studies,
    load_study,
    meaning_diff,
    study_names,
)
from search.study.toml_lines import key_lines, line_of
from trainer.config import TrainConfig

# The studies that came with the project, which keep to its conventions; `studies/` may hold others.
SHIPPED = ["augmentation", "depth", "dropout", "joint", "learning_rate", "pooling", "reference"]

POOLING = """\
question = "Does it?"
seeds = 5

[scientific.pooling]
levels = ["max", "average"]
reference = "max"
"""

TUNED = (
    POOLING
    + """
[nuisance.learning_rate]
low = 1e-4
high = 1e-2
log = true

[tuning]
trials_per_level = 8
"""
)

SEARCH = """\
question = "Which?"

[search]
n_trials = 60

[scientific.depth]
low = 1
high = 6

[scientific.pooling]
levels = ["max", "average"]
"""

Write = Callable[..., str]
quiet = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a study file; the folder's name has a space and a quote."""
    folder = tmp_path / "a 'folder'"
    folder.mkdir()

    def write(content: str | bytes, name: str = "s.toml") -> str:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def mistakes(path: str) -> list[str]:
    """What the file is refused for, without its path: "12: seeds: ..."."""
    with pytest.raises(StudyFileError) as caught:
        load_study(path)
    assert all(line.startswith(f"{path}:") for line in caught.value.mistakes)
    return [line.removeprefix(f"{path}:") for line in caught.value.mistakes]


def study(text: str = POOLING, name: str = "s") -> Study:
    return Study.model_validate({**tomllib.loads(text), "name": name})


class TestShippedStudies:
    def test_are_there(self) -> None:
        assert set(SHIPPED) <= set(study_names())

    @pytest.mark.parametrize("name", SHIPPED)
    def test_load_and_stay_valid_when_quick(self, name: str) -> None:
        full = load_study(name)
        quick = full.quick()
        assert (full.name, quick.name) == (name, name)
        assert full.question in (STUDIES / f"{name}.toml").read_text().splitlines()[0]
        assert full.fixed == {"epochs": 60}, "everything else stands at the reference model"
        assert quick.fixed["batch_size"] == 16
        assert quick.fixed["epochs"] == 40

    @pytest.mark.parametrize("name", SHIPPED)
    def test_open_with_question_command_time_and_answer(self, name: str) -> None:
        head = (STUDIES / f"{name}.toml").read_text().split("\n\n")[0]
        assert f"python -m search.run --study {name}\n" in head
        assert "# Takes: " in head
        assert "# Answer: " in head

    @pytest.mark.parametrize("name", ["pooling", "depth"])
    def test_commented_tuning_works_when_uncommented(self, name: str, write: Write) -> None:
        text = (STUDIES / f"{name}.toml").read_text()
        head, comment = text.split("# [nuisance.learning_rate]")
        tuned = load_study(
            write(head + "[nuisance.learning_rate]" + comment.replace("\n# ", "\n").replace("\n#\n", "\n"))
        )
        assert tuned.tuning is not None
        assert tuned.nuisance == {"learning_rate": Range(low=1e-4, high=1e-2, log=True)}
        assert f"It costs {len(tuned.levels) * tuned.tuning.trials_per_level} trials more" in head

    def test_hold_the_levels_that_the_issue_names(self) -> None:
        assert load_study("learning_rate").levels == (1, 0.1, 0.01, 0.001, 0.0005, 0.0001)
        assert load_study("depth").levels == (1, 2, 3, 4, 5, 6)
        assert load_study("pooling").levels == ("max", "average", "strided", "blur")
        assert set(load_study("joint").scientific) == {load_study(name).factor for name in SHIPPED} - {None}

    @pytest.mark.parametrize("name", sorted(set(SHIPPED) - {"joint", "reference"}))
    def test_have_the_reference_model_as_reference(self, name: str) -> None:
        question = load_study(name)
        assert question.base_config() == TrainConfig(epochs=60)
        assert question.factor is not None
        assert question.reference == getattr(TrainConfig(), question.factor)


QUESTION = """\
question = "Does the {0} matter?"
seeds = 2
[scientific.{0}]
levels = [{1}]
reference = {2}
"""


class TestFolderOfStudies:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Two questions, a search and a reference model, as a person may drop them in."""
        folder = tmp_path / "studies"
        folder.mkdir()
        (folder / "wide.toml").write_text(QUESTION.format("dropout_rate", "0.0, 0.5", "0.0"))
        (folder / "deep.toml").write_text(QUESTION.format("depth", "3, 4", "4"))
        (folder / "hunt.toml").write_text(SEARCH)
        (folder / "alone.toml").write_text('question = "How well?"\nseeds = 2\n')
        return folder

    def test_kinds_in_the_order_that_is_asked_for(self, folder: Path) -> None:
        def names(*kinds: Kind) -> list[str]:
            return [study.name for study in load_studies(*kinds, folder=folder)]

        assert names("levels") == ["deep", "wide"]
        assert names("reference", "levels", "search") == ["alone", "deep", "wide", "hunt"]

    def test_a_file_that_cannot_be_used_is_named(self, folder: Path) -> None:
        (folder / "broken.toml").write_text("seeds = 3\n")
        with pytest.raises(StudyFileError, match=r"broken\.toml cannot be used, 1 mistake"):
            load_studies("levels", folder=folder)


class TestStudy:
    def test_kinds(self) -> None:
        assert study().kind == "levels"
        assert study(SEARCH).kind == "search"
        assert study('question = "?"\nseeds = 2').kind == "reference"

    def test_factor_levels_and_reference_are_of_questions_only(self) -> None:
        assert (study().factor, study().levels, study().reference) == ("pooling", ("max", "average"), "max")
        for other in (study(SEARCH), study('question = "?"\nseeds = 2')):
            assert (other.factor, other.levels, other.reference) == (None, (), None)

    def test_values_take_their_parameters_type(self) -> None:
        text = POOLING.replace("pooling", "learning_rate").replace('"max"', "1").replace('"average"', "0.5")
        text += "[fixed]\nwidth = 2\n"
        loaded = study(text)
        assert [type(value) for value in (*loaded.levels, loaded.reference, loaded.fixed["width"])] == [float] * 4

    def test_base_config_stands_at_the_reference_level_and_in_the_space(self) -> None:
        text = POOLING.replace('reference = "max"', 'reference = "average"')
        tuned = study(text + "[nuisance.learning_rate]\nlow = 0.01\nhigh = 0.1\n[tuning]\ntrials_per_level = 3\n")
        assert tuned.base_config() == TrainConfig(pooling="average", learning_rate=0.01)

    def test_built_in_code_it_keeps_the_same_rules(self) -> None:
        scientific = {"pooling": Levels(levels=("max", "average"), reference="max")}
        built = Study(name="s", question="Does it?", seeds=5, scientific=scientific)
        assert built == study()
        with pytest.raises(ValidationError, match=r"bad_name|unknown; did you mean pooling\?"):
            Study(name="s", question="Does it?", seeds=5, scientific={"poling": scientific["pooling"]})

    def test_is_frozen(self) -> None:
        with pytest.raises(ValidationError):
            study().seeds = 3  # type: ignore[misc]


class TestMistakes:
    def test_all_at_once_with_file_line_found_and_allowed(self, write: Write) -> None:
        path = write(
            """\
questoin = "Does it?"
seeds = 0
epochs = 3
[scientific.pooling]
levels = [
  "max",  # a comment with "quotes" and ]
  "maxx",
  "max",
]
reference = "blur"
[nuisance.dropout_rate]
low = 0.5
high = 0.1
log = 1
[tuning]
trials_per_level = "8"
[fixed]
batchsize = 32
width = 5.0
pooling = "max"
"""
        )
        assert mistakes(path) == [
            "1: question: missing; allowed: one line of 1 to 300 characters",
            "1: questoin: unknown; did you mean question? "
            "allowed: question, seeds, looks, margin, measure, scientific, nuisance, fixed, tune, tuning, search, "
            "constraints, files",
            '2: seeds: found 0; allowed: 1 to 1000, or "5 to 20" for looks in between',
            "3: epochs: unknown; a parameter stands in [fixed], [scientific.NAME] or [nuisance.NAME]",
            "7: scientific.pooling.levels[1]: found \"maxx\"; allowed: 'max', 'average', 'strided' or 'blur'",
            '8: scientific.pooling.levels[2]: found "max" again; allowed: each value once',
            '10: scientific.pooling.reference: found "blur"; allowed: one of ["max", "maxx", "max"]',
            "12: nuisance.dropout_rate.low: found low = 0.5 and high = 0.1; allowed: low below high",
            "14: nuisance.dropout_rate.log: found 1; allowed: true or false",
            '16: tuning.trials_per_level: found "8"; allowed: 1 to 100',
            f"18: fixed.batchsize: unknown; did you mean batch_size? allowed: {self.parameters()}",
            "19: fixed.width: found 5.0; allowed: less than or equal to 4",
            "20: fixed.pooling: varies in this study already, as scientific; allowed: one role",
        ]

    @staticmethod
    def parameters() -> str:
        return ", ".join(name for name in TrainConfig.model_fields if name not in RESERVED)

    def test_the_message_opens_with_the_file_and_the_count(self, write: Write) -> None:
        path = write(POOLING.replace("seeds = 5", "seeds = 5.5"))
        with pytest.raises(StudyFileError) as caught:
            load_study(path)
        line = 'seeds: found 5.5; allowed: 1 to 1000, or "5 to 20" for looks in between'
        assert str(caught.value) == f"{path} cannot be used, 1 mistake:\n  {path}:2: {line}"
        assert caught.value.exit_status == 2
        assert isinstance(caught.value, SearchError)

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("seeds = 5", "", "1: seeds: missing; allowed: 1 to 1000"),
            ("seeds = 5", 'seeds = 5\nname = "../x"', "3: name: unknown; the file's own name is the study's"),
            ('"Does it?"', '""', '1: question: found ""; allowed: one line of 1 to 300 characters'),
            ('"Does it?"', '"a\\nb"', '1: question: found "a\\nb"; allowed: one line of 1 to 300 characters'),
            ('reference = "max"', "", "4: scientific.pooling: reference is missing; allowed: one of the levels"),
            (
                '["max", "average"]',
                '["max"]',
                '5: scientific.pooling.levels: found ["max"]; allowed: a list of 2 to 100 values',
            ),
            (
                '["max", "average"]',
                '"max"',
                '5: scientific.pooling.levels: found "max"; allowed: a list of 2 to 100 values',
            ),
            (
                '"average"]',
                "1979-05-27]",
                '5: scientific.pooling.levels[1]: found "1979-05-27"; allowed: text, a number, true or false',
            ),
            ("[scientific.pooling]", "[[scientific]]", "4: scientific: found"),
            (
                "[scientific.pooling]",
                "[scientific.seed]",
                "4: scientific.seed: no study may set it: seeds = N at the top",
            ),
            (
                '[scientific.pooling]\nlevels = ["max", "average"]\nreference = "max"',
                '[scientific]\npooling = ["max", "average"]',
                '5: scientific.pooling: found ["max", "average"]; '
                "allowed: a table with levels and reference, or with low, high and log",
            ),
        ],
    )
    def test_one_in_a_question(self, write: Write, old: str, new: str, expected: str) -> None:
        assert old in POOLING
        (found,) = mistakes(write(POOLING.replace(old, new)))
        assert found.startswith(expected)

    @pytest.mark.parametrize(
        ("added", "expected"),
        [
            (
                "[scientific.depth]\nlevels = [1, 2]\nreference = 1\n"
                "[scientific.width]\nlevels = [1, 2]\nreference = 2",
                "11: scientific.width: a question has one scientific parameter, or two",
            ),
            ("[tuning]\ntrials_per_level = 3", "8: tuning: there is nothing to tune: add [nuisance.NAME]"),
            ("[nuisance.depth]\nlow = 1\nhigh = 3", "8: nuisance: [tuning] trials_per_level is missing"),
            (
                "[nuisance.depth]\nlow = 1\nhigh = 3\n[tuning]\ntrials_per_level = 4",
                "12: tuning.trials_per_level: found 4; allowed: at most 3, as many as the nuisance parameters have",
            ),
            (
                "[nuisance.depth]\nlevels = [1, 3]\nreference = 3\n[tuning]\ntrials_per_level = 1",
                "10: nuisance.depth.reference: only a scientific parameter has a reference level",
            ),
            (
                "[nuisance.learning_rate]\nlow = 0\nhigh = 3\nlog = true\n[tuning]\ntrials_per_level = 1",
                "9: nuisance.learning_rate.low: found 0; allowed: greater than 0",
            ),
            (
                "[nuisance.dropout_rate]\nlow = 0\nhigh = 0.3\nlog = true\n[tuning]\ntrials_per_level = 1",
                "9: nuisance.dropout_rate.low: found 0.0 with log = true; allowed: above 0",
            ),
            (
                "[nuisance.dropout_rate]\nlow = 0.5\nhigh = 0.5001\n[tuning]\ntrials_per_level = 1",
                "10: nuisance.dropout_rate.high: found 0.5 to 0.5001; allowed: ends 0.1 % apart or more",
            ),
            (
                "[nuisance.dropout_rate]\nlow = 0.5\nhigh = 0.5\n[tuning]\ntrials_per_level = 1",
                "9: nuisance.dropout_rate.low: found low = 0.5 and high = 0.5; allowed: low below high",
            ),
            (
                f"[nuisance.learning_rate]\nlow = 1\nhigh = 0x{'f' * 400}\n[tuning]\ntrials_per_level = 1",
                "10: nuisance.learning_rate.high: found 4446241647",
            ),
            (f"[fixed]\nepochs = 0x{'f' * 20_000}", "9: fixed.epochs: found a very long number; allowed: "),
            ("[fixed]\nsplit_seed = 3", "9: fixed.split_seed: no study may set it: all studies have the same folds"),
            ("[fixed]\ncolor = 1", "9: fixed.color: found 1; allowed: true or false"),
            ('[fixed]\ndepth = "4"', '9: fixed.depth: found "4"; allowed: a whole number'),
            ("[fixed]\ndepth = true", "9: fixed.depth: found true; allowed: a whole number"),
            (
                "[fixed]\nlearning_rate = inf",
                "9: fixed.learning_rate: found Infinity; allowed: text, a number, true or false",
            ),
            ("[fixed]\nimage_height = 8", "8: fixed: depth 4 halves an image of 8x160 pixels to nothing; at most 3"),
            ("[fixed]\nbatch_size = [1]", "9: fixed.batch_size: found [1]; allowed: text, a number, true or false"),
        ],
    )
    def test_one_added_to_a_question(self, write: Write, added: str, expected: str) -> None:
        found = mistakes(write(f"{POOLING}\n{added}\n"))
        assert found[0].startswith(expected)
        assert len(found) == 1

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("[search]", "seeds = 3\n[search]", "3: seeds: a search has no replicates"),
            ("n_trials = 60", "", "3: search.n_trials: missing; allowed: 1 to 100000"),
            (
                "n_trials = 60",
                'n_trials = 60\nsampler = "grid"',
                '5: search.sampler: found "grid"; allowed: "tpe", "random", "qmc", "cmaes", "nsgaii", "gp" or "auto"',
            ),
            (
                "n_trials = 60",
                'n_trials = 60\nobjectives = ["cost", "test_accuracy"]',
                '5: search.objectives[1]: found "test_accuracy"; allowed: a list of 1 to 3 of "val_accuracy", ',
            ),
            (
                "n_trials = 60",
                'n_trials = 60\nobjectives = ["cost", "cost"]',
                '5: search.objectives: found ["cost", "cost"]; allowed: a list of 1 to 3 of "val_accuracy", '
                '"val_balanced_accuracy", "val_macro_f1", "val_auroc", "val_ece", "val_loss", "cost", "vram_peak_mib", '
                '"parameters", "flops_per_image" and "train_s", each at most once',
            ),
            (
                "n_trials = 60",
                "n_trials = 60\n[constraints]\nvram_peak = 2000",
                "6: constraints.vram_peak: unknown; did you mean vram_peak_mib? allowed: vram_peak_mib, parameters, "
                "flops_per_image, train_s",
            ),
            ("[search]", "starts = []\n[search]", "3: starts: unknown; a search finds in the folder of runs what it"),
            ("[scientific.depth]", "[nuisance.depth]", "6: nuisance: a search has no nuisance parameters"),
            ("high = 6", "high = 7", "8: scientific.depth.high: found 7; allowed: less than or equal to 6"),
            ("high = 6", "hihg = 6", "6: scientific.depth.high: missing; allowed: a number"),
            (
                "[scientific.depth]",
                "[scientific.optimizer]",
                "7: scientific.optimizer.low: found 1; allowed: 'adam', 'adamw'",
            ),
            (
                '["max", "average"]',
                '["max", "average"]\nreference = "max"',
                "12: scientific.pooling.reference: a search compares",
            ),
        ],
    )
    def test_one_in_a_search(self, write: Write, old: str, new: str, expected: str) -> None:
        assert old in SEARCH
        assert mistakes(write(SEARCH.replace(old, new)))[0].startswith(expected)

    def test_nuisance_without_a_question(self, write: Write) -> None:
        text = 'question = "?"\nseeds = 1\n[nuisance.depth]\nlow = 1\nhigh = 3\n[tuning]\ntrials_per_level = 2\n'
        expected = "3: nuisance: [scientific.NAME] is missing: its levels are what nuisance parameters are tuned for"
        assert mistakes(write(text)) == [expected]

    def test_a_search_over_nothing(self, write: Write) -> None:
        expected = "2: search: a search needs a parameter to search over: add [scientific.NAME]"
        assert mistakes(write('question = "?"\n[search]\nn_trials = 3\n')) == [expected]

    def test_rules_between_parameters_name_the_level(self, write: Write) -> None:
        text = 'question = "?"\nseeds = 1\n[scientific.depth]\nlevels = [\n1,\n6]\nreference = 1\n'
        (found,) = mistakes(write(text + "[fixed]\nimage_height = 32\n"))
        assert found.startswith("6: scientific.depth.levels[1]: depth 6 halves an image of 32x160 pixels to nothing; ")

    def test_rules_between_two_searched_parameters(self, write: Write) -> None:
        text = SEARCH + "[scientific.image_height]\nlow = 16\nhigh = 64\n"
        (found,) = mistakes(write(text))
        assert found.startswith("8: scientific.depth.high: with image_height = 16: depth 6 halves an image of 16x160")

    def test_toml_syntax(self, write: Write) -> None:
        path = write(POOLING + "\n[fixed\nepochs = 3\n")
        assert mistakes(path) == ["8: not TOML: Expected ']' at the end of a table declaration (at line 8, column 7)"]

    def test_a_key_twice(self, write: Write) -> None:
        (found,) = mistakes(write(POOLING + "\n[scientific.pooling]\nlevels = []\n"))
        assert found.startswith("8: not TOML: Cannot declare ('scientific', 'pooling') twice")

    def test_an_end_too_early(self, write: Write) -> None:
        (found,) = mistakes(write(POOLING + "\n[fixed]\nepochs = [\n\n"))
        assert found.startswith("11: not TOML: ")

    def test_not_utf_8(self, write: Write) -> None:
        expected = "2: found the byte 0xe4, which is not UTF-8; allowed: UTF-8 text"
        assert mistakes(write(b'question = "?"\n# \xe4\n')) == [expected]

    def test_a_byte_order_mark_and_windows_line_ends_are_fine(self, write: Write) -> None:
        assert load_study(write(b"\xef\xbb\xbf" + POOLING.replace("\n", "\r\n").encode())) == study()

    @pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000, "0x" + "f" * 20_000, "{a=" * 3000])
    def test_what_python_cannot_take(self, write: Write, value: str) -> None:
        assert len(mistakes(write(f"{POOLING}\n[fixed]\nepochs = {value}\n"))) == 1

    def test_too_long(self, write: Write) -> None:
        path = write("# " + "x" * 70_000)
        with pytest.raises(StudyFileError) as caught:
            load_study(path)
        assert str(caught.value) == f"{path} is no study file: found more than 65536 bytes; allowed: up to that"

    def test_many_are_counted(self, write: Write) -> None:
        path = write(POOLING + "[fixed]\n" + "".join(f"x{index} = 1\n" for index in range(60)))
        with pytest.raises(StudyFileError) as caught:
            load_study(path)
        assert len(caught.value.mistakes) == 60
        assert str(caught.value).splitlines()[0].endswith("60 mistakes:")
        assert str(caught.value).splitlines()[-1] == "  ... and 10 more"

    def test_nothing_that_moves_a_cursor_and_nothing_long_is_shown(self, write: Write) -> None:
        text = POOLING + '[fixed]\n"\\u001b[2J\\n" = 1\ndepth = "\\u001b\\u202e\\u007f"\ncolor = "' + "x" * 9000 + '"\n'
        with pytest.raises(StudyFileError) as caught:
            load_study(write(text))
        assert str(caught.value).replace("\n", "").isprintable()
        assert len(str(caught.value)) < 2000


class TestNames:
    THERE = "the studies in {folder}: depth, pooling"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in ("pooling", "depth", "Not-A-Name"):
            (tmp_path / f"{name}.toml").write_text(POOLING)
        (tmp_path / "notes.md").write_text("")
        return tmp_path

    def test_of_a_folder(self, folder: Path) -> None:
        assert study_names(folder) == ["depth", "pooling"]
        assert study_names(folder / "none") == []

    def test_by_name_and_by_file(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        by_name = load_study("pooling", folder)
        assert by_name.name == "pooling"
        assert load_study(str(folder / "pooling.toml")) == by_name
        monkeypatch.chdir(folder)
        assert load_study("pooling.toml") == by_name
        assert load_study("./pooling.toml", Path("/nowhere")) == by_name

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (
                "poling",
                "There is no file {folder}/poling.toml; did you mean pooling?; the studies in {folder}: depth, pooling",
            ),
            ("zzz", "There is no file {folder}/zzz.toml; the studies in {folder}: depth, pooling"),
            ("../x", "../x: a study file's name ends in .toml; the studies in {folder}: depth, pooling"),
            ("../x.toml", "There is no file ../x.toml; the studies in {folder}: depth, pooling"),
            ("..\\x", "..\\x: a study file's name ends in .toml"),
            ("/etc/passwd", "/etc/passwd: a study file's name ends in .toml"),
            ("Pooling", '"Pooling" (length 7) is no study\'s name; allowed: 1 to 64 of a-z, 0-9, _ and -; the studies'),
            ("größe", '"größe" (length 5) is no study\'s name; allowed: 1 to 64 of a-z, 0-9, _ and -'),
            ("", '"" (length 0) is no study\'s name'),
            ("pooling\n", '"pooling\\n" (length 8) is no study\'s name'),
            ("a\0b/x.toml", "There is no file a\\x00b/x.toml"),
            ("Ünï.toml", 'Ünï.toml: "Ünï" (length 3) is no study\'s name; allowed: 1 to 64 of a-z, 0-9, _ and -'),
            ("a/" * 3000 + "x.toml", "There is no file a/a/a/"),
        ],
    )
    def test_refused(self, folder: Path, name: str, expected: str) -> None:
        with pytest.raises(StudyFileError) as caught:
            load_study(name, folder)
        assert str(caught.value).startswith(expected.format(folder=folder))

    def test_of_ten_kilobytes(self, folder: Path) -> None:
        for name in ("x" * 10_000, "x" * 10_000 + ".toml"):
            with pytest.raises(StudyFileError, match=r"x\.\.\. \(length 10000\) is no study's name") as caught:
                load_study(name, folder)
            assert len(str(caught.value)) < 700

    def test_a_folder_or_a_pipe_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "a.toml").mkdir()
        os.mkfifo(tmp_path / "b.toml")
        for name in ("a", "b"):
            with pytest.raises(StudyFileError, match="There is no file"):
                load_study(name, tmp_path)


class TestOverride:
    def test_changes_what_it_is_given(self) -> None:
        values: dict[str, ParamValue] = {
            "color": "true",
            "learning_rate": "1",
            "optimizer": "sgd",
            "head": '"flatten"',
            "width": 2,
        }
        changed = study().override(seeds=7, epochs=3, fixed=values)
        expected = {
            "color": True,
            "learning_rate": 1.0,
            "optimizer": "sgd",
            "head": "flatten",
            "width": 2.0,
            "epochs": 3,
        }
        assert changed.seeds == 7
        assert changed.fixed == expected
        assert study(SEARCH).override(n_trials=3).search.n_trials == 3  # type: ignore[union-attr]

    def test_nothing_is_no_change(self) -> None:
        for text in (POOLING, TUNED, SEARCH):
            assert study(text).override() == study(text)

    def test_all_mistakes_at_once_by_flag(self) -> None:
        values = {"pooling": "max", "learning_rate": "0.1", "dpth": "3", "color": "yes", "seed": "4", "epochs": "9"}
        with pytest.raises(StudyFileError) as caught:
            study(TUNED).override(seeds=0, epochs=0, n_trials=3, fixed=values)
        assert caught.value.summary == "The study s cannot be changed so:"
        assert sorted(caught.value.mistakes) == [
            "--epochs: found 0; allowed: greater than or equal to 1",
            "--n-trials: s is no search; its trials are every level with every seed",
            '--seeds: found 0; allowed: 1 to 1000, or "5 to 20" for looks in between',
            '--set color: found "yes"; allowed: true or false',
            f"--set dpth: unknown; did you mean depth? allowed: {TestMistakes.parameters()}",
            "--set epochs: --epochs says it too; allowed: one of the two",
            "--set learning_rate: varies in this study already, as nuisance; allowed: one role",
            "--set pooling: varies in this study already, as scientific; allowed: one role",
            "--set seed: no study may set it: seeds = N at the top says how many",
        ]

    def test_of_a_search(self) -> None:
        with pytest.raises(StudyFileError) as caught:
            study(SEARCH).override(seeds=3, n_trials=0)
        assert caught.value.mistakes == [
            "--n-trials: found 0; allowed: 1 to 100000",
            "--seeds: a search has no replicates: every trial has a seed of its own",
        ]

    def test_a_text_is_one_scalar(self) -> None:
        for text in ("1\nbatch_size = 3", "[3]", "{}", "1979-05-27", "3 # three\n#", "'''a"):
            with pytest.raises(StudyFileError) as caught:
                study().override(fixed={"optimizer": text})
            assert caught.value.mistakes[0].startswith("--set optimizer: found ")
        with pytest.raises(StudyFileError, match='found "1\\\\nbatch_size = 3"; allowed: a whole number'):
            study().override(fixed={"depth": "1\nbatch_size = 3"})

    @quiet
    @given(
        st.dictionaries(
            st.sampled_from(sorted(TrainConfig.model_fields)) | st.text(), st.text() | st.integers() | st.floats()
        )
    )
    def test_gives_a_study_or_its_mistakes(self, values: dict[str, str | float]) -> None:
        with contextlib.suppress(StudyFileError):
            study().override(fixed=values).base_config()


class TestQuick:
    def test_cuts_what_is_large(self) -> None:
        quick = study(TUNED).quick()
        assert quick.fixed == {"image_height": 60, "image_width": 80, "batch_size": 16, "epochs": 40}
        assert quick.seeds == 5
        assert quick.tuning is not None
        assert quick.tuning.trials_per_level == 2
        assert study(SEARCH).quick().search.n_trials == 8  # type: ignore[union-attr]

    def test_leaves_what_is_small(self) -> None:
        fixed = {"image_height": 30, "image_width": 40, "batch_size": 8, "epochs": 4}
        small = study(TUNED).override(seeds=2, fixed=fixed)
        assert small.quick().fixed == fixed
        assert small.quick().seeds == 2

    def test_leaves_what_varies(self) -> None:
        text = 'question = "?"\nseeds = 1\n[scientific.batch_size]\nlevels = [50, 100]\nreference = 100\n'
        assert "batch_size" not in study(text).quick().fixed
        assert study(text).quick().levels == (50, 100)

    def test_six_blocks_fit(self) -> None:
        assert load_study("depth").quick().fixed["image_height"] == 64
        assert load_study("depth").quick().levels == (1, 2, 3, 4, 5, 6)

    def test_an_override_comes_after_it(self) -> None:
        assert study().quick().override(epochs=80, seeds=9).seeds == 9
        assert study().quick().override(epochs=80).fixed["epochs"] == 80


def diff(old: str, new: str) -> list[str]:
    """The change of meaning, with the old one read back from where it is kept."""
    return meaning_diff(json.loads(json.dumps(study(old).canonical())), study(new).canonical())


class TestMeaning:
    @pytest.mark.parametrize("text", [POOLING, TUNED, SEARCH])
    def test_the_same_file(self, text: str) -> None:
        assert diff(text, text) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("seeds = 5", "seeds = 6"),
            ("seeds = 5", "seeds = 5\nmargin = 0.03"),
            ('["max", "average"]', '["max", "average", "blur"]'),
            ('["max", "average"]', '["blur", "average", "max"]'),
            ('reference = "max"', 'reference = "average"'),
            ("Does it?", "Does it really?"),
            ('reference = "max"\n', 'reference = "max"\n[fixed]\ncolor = false\nepochs = 60\n'),
        ],
    )
    def test_no_change_of_a_question(self, old: str, new: str) -> None:
        for text in (POOLING, TUNED):
            assert old in text
            assert diff(text, text.replace(old, new)) == []

    @pytest.mark.parametrize("n_trials", [61, 12])
    def test_another_budget_of_a_search(self, n_trials: int) -> None:
        assert diff(SEARCH, SEARCH.replace("n_trials = 60", f"n_trials = {n_trials}")) == []

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("seeds = 5", "seeds = 4", "seeds: 5 -> 4"),
            (
                '["max", "average"]',
                '["max", "blur"]',
                'scientific.pooling.levels: ["max", "average"] -> ["max", "blur"]',
            ),
            ("[tuning]", "[fixed]\nepochs = 30\n[tuning]", "fixed.epochs: 60 -> 30"),
            ("[tuning]", "[fixed]\nearly_stopping_patience = 3\n[tuning]", "fixed.early_stopping_patience: none -> 3"),
            ("high = 1e-2", "high = 1e-1", "nuisance.learning_rate.high: 0.01 -> 0.1"),
            ("log = true", "log = false", "nuisance.learning_rate.log: true -> false"),
            ("trials_per_level = 8", "trials_per_level = 9", "tuning.trials_per_level: 8 -> 9"),
        ],
    )
    def test_a_change_of_a_question(self, old: str, new: str, expected: str) -> None:
        assert old in TUNED
        assert diff(TUNED, TUNED.replace(old, new)) == [expected]

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (
                '"average"]',
                '"average", "blur"]',
                'scientific.pooling.levels: ["max", "average"] -> ["max", "average", "blur"]',
            ),
            ("n_trials = 60", 'n_trials = 60\nsampler = "random"', 'search.sampler: "tpe" -> "random"'),
        ],
    )
    def test_a_change_of_a_search(self, old: str, new: str, expected: str) -> None:
        assert old in SEARCH
        assert diff(SEARCH, SEARCH.replace(old, new)) == [expected]

    def test_another_kind(self) -> None:
        lines = diff('question = "?"\nseeds = 5', POOLING)
        assert lines[0] == 'kind: "reference" -> "levels"'
        assert 'scientific.pooling.levels: none -> ["max", "average"]' in lines
        assert 'fixed.pooling: "max" -> none' in lines

    def test_a_parameter_of_a_newer_version(self) -> None:
        old = study().canonical()
        del old["fixed"]["head"]
        assert meaning_diff(old, study().canonical()) == []
        changed = study().override(fixed={"head": "global_average"}).canonical()
        assert meaning_diff(old, changed) == ['fixed.head: none -> "global_average"']


class TestLines:
    def test_of_every_form_of_key(self) -> None:
        text = '''\
# a = 1
a = "x = 1 # no"  # b = 2
"b c" . 'd' = """
e = 1
""\\"
"""
[ t . "u" ]
f = [ # [
  1, "]", [2,
  3],
  { g = 1, h = [4] },
]
i = { j.k = 1, l = { m = \'\'\'
\'\'\' } }
n = 1979-05-27 07:32:00
[[w]]
o = +1.5
[x]
'''
        assert tomllib.loads(text)
        lines = key_lines(text)
        expected = {
            ("a",): 2, ("b c", "d"): 3, ("t",): 7, ("t", "u"): 7, ("t", "u", "f"): 8, ("t", "u", "f", 0): 9,
            ("t", "u", "f", 1): 9, ("t", "u", "f", 2): 9, ("t", "u", "f", 2, 1): 10, ("t", "u", "f", 3): 11,
            ("t", "u", "f", 3, "h", 0): 11, ("t", "u", "i", "j", "k"): 13, ("t", "u", "i", "l", "m"): 13,
            ("t", "u", "n"): 15, ("w", "o"): 17, ("x",): 18,
        }  # fmt: skip
        assert {path: lines.get(path) for path in expected} == expected
        assert not {("b",), ("e",), ("t", "u", "f", 4)} & set(lines)

    def test_of_what_is_not_there(self) -> None:
        assert line_of(key_lines("\n\n[a]\n"), ("a", "b", 3)) == 3
        assert line_of({}, ("a",)) == 1

    @quiet
    @given(st.text(alphabet="ab.=,[]{}\"'#\\\n 1"))
    def test_never_fails(self, text: str) -> None:
        assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())

    @pytest.mark.parametrize("name", study_names())
    def test_of_the_shipped_files(self, name: str) -> None:
        text = (STUDIES / f"{name}.toml").read_text()
        lines = key_lines(text)

        def walk(value: object, path: tuple[str | int, ...]) -> None:
            if path:
                line = text.splitlines()[lines[path] - 1]
                assert str(path[-1]) in line or shown(value) in line
            for key, item in value.items() if isinstance(value, dict) else []:
                walk(item, (*path, key))

        walk(tomllib.loads(text), ())


class TestFuzz:
    """Whatever stands in a file: a study, or a `StudyFileError`."""

    def check(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        message = ""
        try:
            load_study(str(path)).canonical()
        except StudyFileError as error:
            message = str(error)
        assert message.replace("\n", "").isprintable()

    @quiet
    @given(st.binary(max_size=300))
    def test_bytes(self, tmp_path: Path, content: bytes) -> None:
        self.check(tmp_path / "x.toml", content)

    @quiet
    @given(st.sampled_from([POOLING, TUNED, SEARCH]), st.data())
    def test_damaged_files(self, tmp_path: Path, text: str, data: st.DataObject) -> None:
        content = bytearray(text.encode())
        for _ in range(data.draw(st.integers(1, 5))):
            start = data.draw(st.integers(0, len(content)))
            junk = data.draw(
                st.binary(max_size=3) | st.sampled_from([b"\n[", b"=", b'"', b"-1", b"nan", b"0xffffffffffff", b"[[]]"])
            )
            content[start : start + data.draw(st.integers(0, 12))] = junk
        self.check(tmp_path / "x.toml", bytes(content))

    VALUES = st.sampled_from(
        ["1", "-1", "0.5", "1e308", "-1e-308", "nan", "-inf", "true", '"max"', '""', "[]", '["max", "blur"]',
         "[1, 1.0]",
         "[[1]]", "{}", "{low = 1, high = 6}", '{levels = [1, "a"], reference = 1}', "{levels = {}}", "07:32:00",
         "0x" + "f" * 400, "{low = 1, high = 0x" + "f" * 400 + "}", "{low = true, high = 1e300}",
         "{low = 0.5, high = 0.9, log = true}", "[{levels = 1}]"]
    )  # fmt: skip
    KEYS = st.sampled_from(
        [*TrainConfig.model_fields, "question", "seeds", "levels", "low", "high", "log", "reference", "n_trials", "x",
         "scientific", "nuisance", "fixed", "tuning", "search", "trials_per_level", "objectives", "sampler", '"a b"']
    )  # fmt: skip
    TABLES = st.sampled_from(
        ["scientific", "nuisance", "fixed", "tuning", "search", "scientific.depth", "nuisance.width"]
    )

    @quiet
    @given(
        st.lists(st.tuples(KEYS, VALUES), max_size=4),
        st.dictionaries(TABLES, st.dictionaries(KEYS, VALUES), max_size=5),
    )
    def test_valid_toml(self, tmp_path: Path, top: list[tuple[str, str]], tables: dict[str, dict[str, str]]) -> None:
        text = 'question = "?"\n' + "".join(
            f"{key} = {value}\n" for key, value in dict(top).items() if key != "question"
        )
        for name, table in tables.items():
            text += f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
        self.check(tmp_path / "x.toml", text.encode())


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, search.study.toml_file, search.study.design; print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"keras", "tensorflow", "optuna", "mlflow", "scipy", "numpy", "docker", "ray"} & set(loaded)


class TestMargin:
    def test_it_is_a_setting_of_the_study(self) -> None:
        assert study(POOLING).margin == 0.05
        narrow = study(POOLING.replace("seeds = 5", "seeds = 5\nmargin = 0.02"))
        assert narrow.margin == 0.02
        assert narrow.canonical()["margin"] == 0.02
        assert study(POOLING).override(margin=0.1).margin == 0.1

    def test_an_older_record_without_one_means_the_same(self) -> None:
        old = study(POOLING).canonical()
        del old["margin"]
        assert meaning_diff(old, study(POOLING).canonical()) == []

    @pytest.mark.parametrize("margin", ["0", "-0.05", "0.6", "nan"])
    def test_what_it_may_be(self, margin: str) -> None:
        with pytest.raises(ValidationError, match=r"(?s)margin.*found .*; allowed: above 0, at most 0\.5"):
            study(POOLING.replace("seeds = 5", f"seeds = 5\nmargin = {margin}"))

    def test_by_a_flag(self) -> None:
        with pytest.raises(StudyFileError, match=r"--margin: found 5\.0; allowed: above 0, at most 0\.5"):
            study(POOLING).override(margin=5.0)
