"""What a function of one's own is given: the settings of the training, and its own parameters among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.own.names import kind_of

if TYPE_CHECKING:
    from trainer.config import TrainConfig

ParamValue = str | int | float | bool

_READ: ContextVar[set[str] | None] = ContextVar("_READ", default=None)


@contextmanager
def reads_noted() -> Iterator[set[str]]:
    """Within, the names of the parameters that are read come into the set, as "model.units"."""
    found: set[str] = set()
    token = _READ.set(found)
    try:
        yield found
    finally:
        _READ.reset(token)


class OwnParameters(Mapping[str, ParamValue]):
    """The parameters that a study file declares for code of one's own, by attribute or as a mapping; read-only.

    Args:
        kind: "model" or "augmentation".
        values: by name, without the kind: "units".
    """

    _kind: str
    _values: dict[str, ParamValue]

    def __init__(self, kind: str, values: Mapping[str, ParamValue]) -> None:
        vars(self).update(_kind=kind, _values=dict(values))

    def __getattr__(self, name: str) -> ParamValue:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(str(error.args[0])) from None

    def __getitem__(self, name: str) -> ParamValue:
        """The value.

        Raises:
            KeyError: the study declares no such parameter; the message lists those that it does.
        """
        if name not in self._values:
            there = ", ".join(f"{self._kind}.{known}" for known in self._values) or "none"
            raise KeyError(f"the study declares no parameter {self._kind}.{name}; it declares: {there}")
        read = _READ.get()
        if read is not None:
            read.add(f"{self._kind}.{name}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self._kind}.{name} cannot be set: the study says what it is")

    def __repr__(self) -> str:
        return f"{self._kind}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


class OwnConfig:
    """A `TrainConfig` as code of one's own sees it: `config.model.units`, `config.learning_rate`; read-only.

    Args:
        config: the settings of the training.
        kind: whose parameters stand under the kind's own name: "model" or "augmentation".
        code: the folder of the study's own files.
    """

    _config: TrainConfig
    _code: Path

    def __init__(self, config: TrainConfig, kind: str, code: Path) -> None:
        values = config.model_extra or {}
        own = {name.partition(".")[2]: value for name, value in values.items() if kind_of(name) == kind}
        parameters = OwnParameters(kind, own)
        vars(self).update({"_config": config, "_code": code, kind: parameters})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in type(self._config).model_fields:
            known = ", ".join(type(self._config).model_fields)
            raise AttributeError(f"there is no setting {name}; there are: {known}")
        return getattr(self._config, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} cannot be set: the study says what it is")

    def file(self, name: str) -> Path:
        """The path of a file that the study lists in `files`, as one of weights.

        Raises:
            FileNotFoundError: the study has no such file; the message lists those that it has.
        """
        path = self._code / name
        if not path.is_file():
            there = ", ".join(sorted(found.name for found in self._code.iterdir() if found.is_file()))
            raise FileNotFoundError(f"the study has no file {name}; it has: {there} (see `files` in the study file)")
        return path
