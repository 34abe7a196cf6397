"""What a function of one's own is given: the settings of the training, and its own parameters among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.own.names import kind_of

if TYPE_CHECKING:
    from trainer.config import TrainConfig

ParamValue = str | int | float | bool
Read = tuple[str, str]  # the function, as "my_model.py:build", and the setting, as "pooling" or "model.units"

# The settings that only the trainer's own model, or its own augmentations, are built from (`trainer.model.build`). The
# trainer applies all others itself, whatever is trained; these are a function's to use or not.
OF_THE_BUILT_IN = {
    "model": ("depth", "width", "pooling", "dropout_rate", "normalization", "head"),
    "augmentation": ("augmentation_strength",),
}

_READ: ContextVar[set[Read] | None] = ContextVar("_READ", default=None)


@contextmanager
def reads_noted() -> Iterator[set[Read]]:
    """Within, the settings and parameters that functions read come into the set."""
    found: set[Read] = set()
    token = _READ.set(found)
    try:
        yield found
    finally:
        _READ.reset(token)


def _note(function: str, names: Iterable[str]) -> None:
    read = _READ.get()
    if read is not None:
        read.update((function, name) for name in names)


class _ReadOnly:
    """Its attributes cannot be set; `vars()` gives what `_whole()` does, so that what is read is seen there too."""

    __slots__ = ()

    def _whole(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        return self._whole()

    def _keep(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


class OwnParameters(_ReadOnly, Mapping[str, ParamValue]):
    """The parameters that a study file declares for code of one's own, by attribute or as a mapping; read-only.

    Args:
        kind: "model" or "augmentation".
        function: that is given them, as "my_model.py:build".
        values: by name, without the kind: "units".
    """

    __slots__ = ("_function", "_kind", "_values")
    _function: str
    _kind: str
    _values: dict[str, ParamValue]

    def __init__(self, kind: str, function: str, values: Mapping[str, ParamValue]) -> None:
        self._keep(_kind=kind, _function=function, _values=dict(values))

    def __getattr__(self, name: str) -> ParamValue:
        if name.startswith("__") or name in OwnParameters.__slots__:  # not there yet, where it is being copied
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
        _note(self._function, [f"{self._kind}.{name}"])
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _whole(self) -> dict[str, Any]:
        return dict(self)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self._kind}.{name} cannot be set: the study says what it is")

    def __repr__(self) -> str:
        return f"{self._kind}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


class OwnConfig(_ReadOnly):
    """A `TrainConfig` as code of one's own sees it: `config.model.units`, `config.learning_rate`; read-only.

    Args:
        config: the settings of the training.
        kind: whose parameters stand under the kind's own name: "model" or "augmentation".
        code: the folder of the study's own files.
    """

    __slots__ = ("_code", "_config", "_function", "_kind", "_own")
    _config: TrainConfig
    _code: Path
    _function: str
    _kind: str
    _own: OwnParameters

    def __init__(self, config: TrainConfig, kind: str, code: Path) -> None:
        function = getattr(config, kind)
        values = config.model_extra or {}
        own = {name.partition(".")[2]: value for name, value in values.items() if kind_of(name) == kind}
        self._keep(_config=config, _code=code, _function=function, _kind=kind)
        self._keep(_own=OwnParameters(kind, function, own))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == self._kind:
            return self._own
        if name not in type(self._config).model_fields:
            known = ", ".join(type(self._config).model_fields)
            raise AttributeError(f"there is no setting {name}; there are: {known}")
        _note(self._function, [name])
        return getattr(self._config, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} cannot be set: the study says what it is")

    def model_dump(self) -> dict[str, Any]:
        """Every setting of the training and every parameter, by name ("model.units"), as `TrainConfig.model_dump`."""
        values = self._config.model_dump()
        _note(self._function, values)
        return values

    def _whole(self) -> dict[str, Any]:
        return self.model_dump() | {self._kind: self._own}

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
