"""Imports code of one's own, and says by file and line what is wrong with it."""

from __future__ import annotations

import importlib
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from trainer.errors import OwnCodeError
from trainer.own.names import file_and_function

_FOLDERS: set[str] = set()  # that hold such code, and were imported from in this process


def load_function(code: Path, reference: str, arguments: Sequence[str]) -> Callable[..., Any]:
    """The function that a setting names.

    Args:
        code: the folder of the files.
        reference: as "my_model.py:build".
        arguments: what it will be called with, in this order.

    Raises:
        OwnCodeError: the file cannot be imported, has no such function, or the function takes other arguments; the
            message has the file and the line.
    """
    file, name = file_and_function(reference)
    module = import_file(code, file)
    function: Any = getattr(module, name, None)
    if not callable(function):
        there = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
        raise OwnCodeError(f"{file}: there is no function {name}; there are: {', '.join(there) or 'none'}")
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        given = f"({', '.join(arguments)})"
        raise OwnCodeError(
            f"{place_of(function)}: {name} takes {inspect.signature(function)}; it is called with {given}"
        ) from None
    except ValueError:  # a builtin has no signature: the call will tell
        pass
    found: Callable[..., Any] = function
    return found


def import_file(code: Path, file: str) -> ModuleType:
    """The module in a file of this folder, imported once. Files of the folder may import each other by name.

    Raises:
        OwnCodeError: it cannot be imported; the message has the file and the line.
    """
    path = (code / file).resolve()
    if not path.is_file():
        raise OwnCodeError(f"{file}: there is no such file in {code}")
    stem = path.stem
    known = sys.modules.get(stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if not stem.isidentifier() or _is_taken(stem):
        raise OwnCodeError(f"{file}: Python has a module {stem} already, or cannot name one so; rename the file")
    _make_way(path.parent)
    with _no_bytecode(), located(code, file):
        return importlib.import_module(stem)


def _is_taken(stem: str) -> bool:
    """Whether a module of Python's, an installed one, or one that is loaded has the name, files of one's own aside."""
    origin = getattr(sys.modules.get(stem), "__file__", None)
    if stem in sys.modules and not (origin and str(Path(origin).parent) in _FOLDERS):
        return True
    installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return stem in sys.stdlib_module_names or PathFinder.find_spec(stem, installed) is not None


@contextmanager
def located(code: Path, file: str) -> Iterator[None]:
    """Whatever code in this folder raises becomes an `OwnCodeError` with its file and line.

    Args:
        code: the folder.
        file: the one that is named where the error came from elsewhere.
    """
    from trainer.memory import is_out_of_memory

    try:
        yield
    except OwnCodeError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise OwnCodeError(f"{_place(error, code, file)}: {type(error).__name__}: {_message(error)}") from error


def place_of(function: Callable[..., Any]) -> str:
    """Where a function stands: "my_model.py, line 12"."""
    try:
        return f"{Path(inspect.getfile(function)).name}, line {inspect.getsourcelines(function)[1]}"
    except (TypeError, OSError):
        return getattr(function, "__name__", "the function")


def _message(error: Exception) -> str:
    """The first line of what an error says; of a module that is missing also how a file of one's own gets there."""
    if isinstance(error, SyntaxError):
        return error.msg  # without file and line, which stand in front
    text = (str(error).strip().splitlines() or ["no message"])[0][:500]
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        text += f'; if it is a file of your own beside the study\'s, list it there: files = ["{top}.py"]'
    return text


def _place(error: Exception, code: Path, file: str) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    folder = code.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).parent == folder:
            return f"{Path(frame.filename).name}, line {frame.lineno}"
    return file


def _make_way(folder: Path) -> None:
    """Puts a folder on Python's path, in the place of earlier ones of its kind, as models of two studies may have files
    of equal names; and in front, as a trainer may be started in the folder where its user changes the files.
    """
    _FOLDERS.add(str(folder))
    sys.path[:] = [str(folder), *(entry for entry in sys.path if entry not in _FOLDERS)]
    importlib.invalidate_caches()
    for path in folder.glob("*.py"):
        origin = getattr(sys.modules.get(path.stem), "__file__", None)
        if origin and str(Path(origin).parent) in _FOLDERS - {str(folder)}:
            del sys.modules[path.stem]


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Writes no `__pycache__` into a folder that is the study's record."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
