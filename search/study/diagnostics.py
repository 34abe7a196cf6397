"""The words for what is wrong in a study file: where it is, what was found, what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from trainer.config import TrainConfig
from trainer.own.names import KINDS

Path = tuple[str | int, ...]  # ("scientific", "pooling", "levels", 2)

SCALAR = "text, a number, true or false"
UNSAID = ("name", "code", "starts", "observed")  # of a study, and not for a study file to say
POSITIVE = "a number above 0"
SPEC = "a table with levels and reference, or with low, high and log"


class Table(BaseModel):
    """A table of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def allowed(cls, key: str) -> str:
        """What a key takes, for messages: its field's description."""
        return cls.model_fields[key].description or ""


class Mistake(NamedTuple):
    """Where in the file, and what is wrong there."""

    path: Path
    text: str


def shown(value: object) -> str:
    """A value as a message quotes it: like TOML, on one line, at most 80 characters, nothing that moves a cursor."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        if not text.isprintable():
            text = json.dumps(value, default=str).replace("\x7f", "\\u007f")  # the one that JSON leaves
    except ValueError:  # Python writes no number of more than 4,300 digits
        text = "a very long number"
    return text if len(text) <= 80 else f"{text[:77]}..."


def shown_path(path: Path) -> str:
    """A path of keys as a message shows it: scientific.pooling.levels[2]."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path).removeprefix(".")


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("-", "_").isidentifier() and len(name) <= 64 else shown(name)


def unknown(name: str, allowed: Iterable[str]) -> str:
    """What to say about a name that is none of the allowed ones."""
    names = list(allowed)
    near = difflib.get_close_matches(name[:100], names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown; {hint}allowed: {', '.join(names)}"


def once_a_value(mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """The mistakes, with no value found to be wrong twice: a text in a number's place is also no learning rate."""
    found = set()
    for mistake in mistakes:
        is_value = mistake.text.startswith("found")
        if not (is_value and mistake.path in found):
            yield mistake
        if is_value:
            found.add(mistake.path)


def of_shape(error: ValidationError) -> list[ErrorDetails]:
    """What pydantic found. It counts the items of a list that are right: one that holds nothing but a wrong one is no
    mistake of its own.
    """
    found = error.errors(include_url=False)
    places = [item["loc"] for item in found]
    return [
        item
        for item in found
        if item["type"] != "too_short" or not any(place[:-1] == item["loc"] for place in places if place)
    ]


def explained(item: ErrorDetails, study: type[Table], tables: Mapping[str, type[Table]]) -> Mistake:
    """A mistake of shape that pydantic found, in this project's words.

    Args:
        study: the whole file.
        tables: the tables in it, by their key; those of a parameter by their tag.
    """
    path, table = list(item["loc"]), study
    if path[0] in ("scientific", "nuisance") and len(path) > 2:
        table = tables[str(path.pop(2))]  # pydantic puts the tag behind the parameter's name
    elif len(path) > 1:
        table = tables.get(str(path[0]), study)
    key = str(path[-2] if isinstance(path[-1], int) else path[-1])
    if item["type"] == "extra_forbidden":
        if len(path) == 1 and key in TrainConfig.model_fields:
            return Mistake(tuple(path), "unknown; a parameter stands in [fixed], [scientific.NAME] or [nuisance.NAME]")
        return Mistake(tuple(path), unknown(key, [name for name in table.model_fields if name not in UNSAID]))
    if item["type"] == "spec":
        allowed = SPEC
        if isinstance(item["input"], dict) and path[-1] in KINDS:
            own = next(iter(item["input"]), "NAME")
            allowed += f'; a parameter of code of your own stands in [{path[0]}."{path[-1]}.{own}"]'
    elif (path[0] == "fixed" and len(path) > 1) or path[-2:-1] == ["levels"]:
        allowed = SCALAR
    elif path[0] == "constraints" and len(path) > 1:
        allowed = POSITIVE
    else:
        allowed = table.allowed(key)
    found = "missing" if item["type"] == "missing" else f"found {shown(item['input'])}"
    return Mistake(tuple(path), f"{found}; allowed: {allowed}")
