"""Files of one's own in a study: found beside the study file or in the working directory, and part of its meaning."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from search.errors import StorageError, StudyFileError
from search.folder.code import changes, keep
from search.study import Study
from search.study.code import Code, located
from search.study.design import config_of, distributions, plan
from search.study.diff import meaning_diff
from search.study.space import Levels, Range
from search.study.toml_file import load_study

STUDY = """\
question = "How wide must it be?"
seeds = 2
files = ["lib/layers.py"]

[scientific."model.units"]
levels = [8, 16]
reference = 16

[fixed]
model = "cells/my_model.py:build"
"model.name" = "wide"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cells").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "cells" / "my_model.py").write_text("import layers\n\n\ndef build(): ...\n")
    (tmp_path / "lib" / "layers.py").write_text("x = 1\n")
    (tmp_path / "width.toml").write_text(STUDY)
    return tmp_path


def load(folder: Path, text: str | None = None) -> Study:
    if text is not None:
        (folder / "width.toml").write_text(text)
    return load_study(str(folder / "width.toml"))


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(StudyFileError) as raised:
        load(folder, text)
    return [mistake.rpartition("width.toml:")[2] for mistake in raised.value.mistakes]


def code_of(study: Study) -> Code:
    assert study.code is not None
    return study.code


def test_files_are_found_beside_the_study_and_go_by_their_names(folder: Path) -> None:
    study = load(folder)
    assert study.fixed["model"] == "my_model.py:build"
    assert study.files == ("layers.py",)
    code = code_of(study)
    assert set(code.files()) == {folder / "cells" / "my_model.py", folder / "lib" / "layers.py"}
    digest = hashlib.sha256((folder / "lib" / "layers.py").read_bytes()).hexdigest()
    assert code.digests["layers.py"] == digest
    assert study.canonical()["code"] == dict(sorted(code.digests.items()))


def test_parameters_of_ones_own_are_trained_with_and_told_to_optuna(folder: Path) -> None:
    study = load(folder)
    config = config_of(study, plan(study)[0].params, "width-0")
    assert (config.model, config.model_extra) == ("my_model.py:build", {"model.units": 8, "model.name": "wide"})
    assert distributions(study)["model.units"] == Range(low=8, high=16)
    assert study.canonical()["fixed"]["model.name"] == "wide"
    assert "model.units" not in study.canonical()["fixed"]


def test_a_model_may_be_the_question(folder: Path) -> None:
    text = 'levels = ["reference", "cells/my_model.py:build"]\nreference = "reference"\n'
    study = load(folder, f'question = "Is mine better?"\nseeds = 2\n[scientific.model]\n{text}')
    assert study.levels == ("reference", "my_model.py:build")
    assert distributions(study)["model"] == Levels(levels=("reference", "my_model.py:build"))
    assert list(code_of(study).paths) == ["my_model.py"]


def test_levels_of_text_are_categories(folder: Path) -> None:
    study = load(folder, STUDY.replace("[8, 16]", '["gelu", "relu"]').replace("reference = 16", 'reference = "relu"'))
    assert distributions(study)["model.units"] == Levels(levels=("gelu", "relu"))


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        ("my_model", "other", '10: fixed.model: found "cells/other.py"; there is no such file: {0}/cells/other.py'),
        ("lib/layers.py", "lib", '3: files[0]: found "lib"; it cannot be read: {0}/lib'),
        ("lib/layers.py", "lib/ä.py",
         '3: files[0]: found "lib/ä.py"; allowed: a file\'s name of a-z, A-Z, 0-9, _, . and -'),
        ("cells/my_model.py:build", "reference",
         '5: scientific."model.units": a parameter of a model of your own; [fixed] model = "FILE.py:FUNCTION" is '
         "missing"),
        ("cells/my_model.py:build", "mine",
         "10: fixed.model: found \"mine\"; allowed: 'reference' or 'FILE.py:FUNCTION'"),
        ('"model.name" = "wide"', '"model.name" = [1]',
         '11: fixed."model.name": found [1]; allowed: text, a number, true or false'),
        ('"model.units"', "model.units",
         '5: scientific.model: found {{"units": {{"levels": [8, 16], "reference": 16}}}}; allowed: a table with levels '
         "and reference, or with low, high and log; a parameter of code of your own stands in "
         '[scientific."model.units"]'),
        ("seeds = 2", "seeds = 2\ncode = 1", "3: code: unknown; [fixed] model and files name files of one's own"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(folder: Path, before: str, after: str, mistake: str) -> None:
    assert refused(folder, STUDY.replace(before, after, 1))[0] == mistake.format(folder)


def test_two_files_of_one_name(folder: Path) -> None:
    (folder / "lib" / "my_model.py").write_text("")
    found = refused(folder, STUDY.replace("lib/layers.py", "lib/my_model.py"))
    assert found == ['3: files[0]: found "lib/my_model.py", another file of the name my_model.py; rename one']


def test_a_flag_names_a_file_of_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "cells")
    study = load_study("reference").override(fixed={"model": "my_model.py:build"})
    assert study.fixed["model"] == "my_model.py:build"
    assert code_of(study).files() == [folder / "cells" / "my_model.py"]
    assert study.override(seeds=3).code == study.code
    assert study.quick().code == study.code
    with pytest.raises(StudyFileError) as raised:
        study.override(fixed={"model": "other.py:build"})
    there = folder / "cells" / "other.py"
    assert raised.value.mistakes == [f'--set model: found "other.py"; there is no such file: {there}']


def test_a_changed_file_changes_the_meaning_and_an_added_one_does_not(folder: Path) -> None:
    old = load(folder)
    (folder / "lib" / "layers.py").write_text("x = 2\n")
    new = load(folder)
    was, now = code_of(old).digests["layers.py"][:12], code_of(new).digests["layers.py"][:12]
    assert meaning_diff(old.canonical(), new.canonical()) == [f"code.layers.py: SHA-256 {was} -> SHA-256 {now}"]
    more = load(folder, STUDY.replace('["lib/layers.py"]', '["lib/layers.py", "width.toml"]'))
    assert meaning_diff(new.canonical(), more.canonical()) == []


def test_copies_are_kept_and_compared(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    code, made = keep(code_of(load(folder)), place)
    assert sorted(made) == [place / "code" / "layers.py", place / "code" / "my_model.py"]
    assert keep(code_of(load(folder)), place) == (code, [])
    (folder / "lib" / "layers.py").write_text("x = 2\n")
    now = code_of(load(folder))
    assert changes(code, now) == [
        "--- layers.py (of the trials)", "+++ layers.py (now)", "@@ -1 +1 @@", "-x = 1", "+x = 2",
    ]  # fmt: skip
    with pytest.raises(StorageError, match=r"layers\.py: this is no copy of layers\.py as the study has it \(SHA-256"):
        keep(now, place)


def test_of_a_long_change_the_beginning_is_shown(tmp_path: Path) -> None:
    paths = []
    for number in (1, 2):
        path = tmp_path / str(number) / "long.py"
        path.parent.mkdir()
        path.write_text("\n".join(f"x_{number} = {line}" for line in range(1, 31)))
        paths.append(path)
    old, new = (located({"files": [str(path)]}, tmp_path)[0] for path in paths)
    lines = changes(old, new)
    assert len(lines) == 21
    assert lines[-1] == "... and 43 lines more"
