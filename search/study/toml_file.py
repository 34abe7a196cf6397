"""Reading study files: TOML in, a `Study` or all of its mistakes with file and line out.

A file of `studies/` is meant by its name, any other by its path:

    question = "What does the pooling do to training and testing performance?"
    seeds = 5                       # replicates of each level; "5 to 20": until it is decided, see `search.study.looks`
    tune = true                     # optional: each level at its own learning rate, see `search.study.tune`
    measure = "accuracy"            # optional: what decides; "balanced_accuracy", "macro_f1" count every class alike
    margin = 0.05                   # optional: the difference in it, on the test images, that counts as none

    [scientific.pooling]            # what the question is about; two are crossed, see `search.study.factorial`
    levels = ["max", "average"]
    reference = "max"               # what the others are compared with

    [nuisance.learning_rate]        # optional: tuned for each level
    low = 1e-4
    high = 1e-2
    log = true

    [tuning]                        # goes with nuisance parameters
    trials_per_level = 8

    [fixed]                         # every other parameter stands at the reference model's value
    epochs = 120                    # at most, with the next line; without it, what every training has
    epochs_after_start = 20         # optional: a training ends so many epochs after it starts to learn

Two scientific parameters are crossed: every combination of their levels is trained (`search.study.factorial`; an
example is `studies/examples/factorial/pooling_dropout.toml`).

With a table `[search]` (n_trials, patience, confirm, sampler, n_startup_trials, pruner, objectives; `[search.options]`
has Optuna's own keywords of the sampler) the scientific parameters are searched
over in place of compared: as many as wanted, with levels or with low, high and log, some of them perhaps only `when`
others have certain values (`search.study.conditions`). A table `[constraints]` limits what a trial of it may cost:
`vram_peak_mib = 2000`, `parameters = 5000`. Without a scientific parameter the
reference model alone is trained, on every seed. Every parameter is a field of `trainer.config.TrainConfig`.

A model or an augmentation of one's own is named by its file, which lies beside the study's, and has parameters of its
own (see `studies/examples/`):

    files = ["blocks.py"]           # what it imports or reads

    [scientific."model.units"]
    levels = [8, 16, 32]
    reference = 16

    [fixed]
    model = "my_model.py:build"
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.errors import StudyFileError
from search.study.code import located
from search.study.diagnostics import shown, shown_path
from search.study.diff import meaning_diff
from search.study.space import Levels, ParamValue, Range
from search.study.study import NAME, Kind, Search, Study, Tuning
from search.study.toml_lines import key_lines, line_of

__all__ = [
    "Levels",
    "ParamValue",
    "Range",
    "Search",
    "Study",
    "Tuning",
    "load_studies",
    "load_study",
    "meaning_diff",
    "study_names",
]

STUDIES = Path(__file__).resolve().parents[2] / "studies"
MAX_BYTES = 64 * 1024  # the longest shipped file has 2 KiB


def study_names(folder: Path | None = None) -> list[str]:
    """The names of the studies in a folder (default: the repository's), sorted."""
    return sorted(path.stem for path in (folder or STUDIES).glob("*.toml") if re.fullmatch(NAME, path.stem))


def load_studies(*kinds: Kind, folder: Path | None = None) -> list[Study]:
    """The studies in a folder (default: the repository's) that are of these kinds, kind by kind, sorted by name.

    Raises:
        StudyFileError: a file of the folder cannot be used.
    """
    there = [load_study(name, folder) for name in study_names(folder)]
    return [study for kind in kinds for study in there if study.kind == kind]


def load_study(name_or_path: str, folder: Path | None = None) -> Study:
    """A study, by its name in a folder (default: the repository's) or by its file (ends in .toml or has a separator).

    Raises:
        StudyFileError: listing every mistake, with file and line.
    """
    path = _file(name_or_path, folder or STUDIES)
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(path, [_syntax(error, text)]) from None
    except (ValueError, RecursionError) as error:  # a number of more than 4,300 digits, brackets in brackets
        raise _refused(path, [(1, f"Python cannot read it: {str(error)[:200]}")]) from None
    return _study(path, text, data)


def _study(path: Path, text: str, data: dict[str, Any]) -> Study:
    mistakes, lines = [], key_lines(text)
    if "name" in data:
        mistakes.append((line_of(lines, ["name"]), "name: unknown; the file's own name is the study's"))
    for key in ("starts", "observed"):
        if key in data:
            text_of = f"{key}: unknown; a search finds in the folder of runs what it starts from"
            mistakes.append((line_of(lines, [key]), text_of))
    if "code" in data:
        mistakes.append((line_of(lines, ["code"]), "code: unknown; [fixed] model and files name files of one's own"))
    try:
        code, missing = located(data, path.parent)
        mistakes += [(line_of(lines, place), f"{shown_path(place)}: {text}") for place, text in missing]
        study = Study.model_validate({**data, "name": path.stem, "code": code.model_dump() if code else None})
    except ValidationError as error:
        for item in error.errors(include_url=False):
            mistakes.append((line_of(lines, item["loc"]), f"{shown_path(item['loc'])}: {item['msg']}"))
    except RecursionError:
        mistakes.append((1, "too many brackets in brackets"))
    if mistakes:
        raise _refused(path, mistakes)
    return study


def _file(name_or_path: str, folder: Path) -> Path:
    names = study_names(folder)
    there = f"the studies in {_shown(folder)}: {', '.join(names) or 'none'}"
    if "/" in name_or_path or "\\" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if path.suffix != ".toml":
            raise StudyFileError(f"{_shown(path)}: a study file's name ends in .toml; {there}")
        if not re.fullmatch(NAME, path.stem):
            raise StudyFileError(f"{_shown(path)}: {_name_rule(path.stem)}")
    elif not re.fullmatch(NAME, name_or_path):
        raise StudyFileError(f"{_name_rule(name_or_path)}; {there}; a file is meant by a path that ends in .toml")
    else:
        path = folder / f"{name_or_path}.toml"
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a path that no file system takes
        found = False
    if not found:
        near = difflib.get_close_matches(path.stem, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise StudyFileError(f"There is no file {_shown(path)}{hint}; {there}")
    return path


def _name_rule(name: str) -> str:
    return f"{shown(name)} (length {len(name)}) is no study's name; allowed: 1 to 64 of a-z, 0-9, _ and -"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StudyFileError(f"{_shown(path)} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise StudyFileError(f"{_shown(path)} is no study file: found more than {MAX_BYTES} bytes; allowed: up to that")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = f"found the byte 0x{content[error.start]:02x}, which is not UTF-8; allowed: UTF-8 text"
        raise _refused(path, [(line, text)]) from None


def _syntax(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    line = int(place[1]) if place else text.count("\n") + 1
    return line, f"not TOML: {error}"


def _refused(path: Path, mistakes: list[tuple[int, str]]) -> StudyFileError:
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    lines = [f"{_shown(path)}:{line}: {text}" for line, text in sorted(mistakes, key=lambda mistake: mistake[0])]
    return StudyFileError(f"{_shown(path)} cannot be used, {count}:", lines)


def _shown(path: Path) -> str:
    """A path in a message: bytes that are no text, and what moves a cursor, escaped; at most 200 characters."""
    text = str(path)
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return text if len(text) <= 200 else f"{text[:100]}...{text[-97:]}"
