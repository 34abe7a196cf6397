"""A vocabulary as a table: the names that a setting may take, and what each stands for.

Every list of allowed names of the project is a `Registry`. Validation, builders, help texts, estimates, drawings and
tests read the table, so that one entry adds to all of them, and a name that nobody knows raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from trainer.own.names import FORM, is_own

T = TypeVar("T")


class UnknownNameError(KeyError):
    """A name that is not in the vocabulary. The message says what was found and lists what is allowed."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError's own would quote it


class Registry(Mapping[str, T], Generic[T]):
    """Names and their entries, in the order in which they were registered.

    Args:
        noun: what a name of it stands for, in words, for messages: "pooling".
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, T] = {}

    def register(self, name: str, entry: T) -> T:
        """Adds an entry, and gives it back.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._entries:
            raise ValueError(f"the {self.noun} {name!r} is registered already")
        self._entries[name] = entry
        return entry

    @contextmanager
    def registered(self, name: str, entry: T) -> Iterator[T]:
        """Within the context there is this entry too. For tests."""
        self.register(name, entry)
        try:
            yield entry
        finally:
            del self._entries[name]

    def __getitem__(self, name: str) -> T:
        """The entry of this name.

        Raises:
            UnknownNameError: there is none; the message lists the names that there are.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(f"{name!r} is no {self.noun}; allowed: {', '.join(self._entries)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def listed(self, quote: str = '"', last: str = "or") -> str:
        """The names as a sentence lists them: `"max", "average" or "blur"`."""
        names = [f"{quote}{name}{quote}" for name in self]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else "none"


@dataclass(frozen=True)
class OneOf:
    """In the annotation of a pydantic field of text: one of the names that are registered when it is validated.

    The refusal reads like that of a `Literal`: "Input should be 'max', 'average' or 'blur'".

    Attributes:
        registry: the names.
        own_code: whether code of one's own may stand in their place, as "FILE.py:FUNCTION".
    """

    registry: Registry[Any]
    own_code: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        if isinstance(value, str) and (value in self.registry or (self.own_code and is_own(value))):
            return value
        expected = self.registry.listed("'")
        if self.own_code:
            expected = f"{', '.join(f'{name!r}' for name in self.registry)} or '{FORM}'"
        raise PydanticKnownError("literal_error", {"expected": expected})
