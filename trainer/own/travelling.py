"""The code inside a saved model: a .keras file is a zip archive, and has the code in its folder `code/`.

So a model is loaded wherever its one file is: by `trainer.predict`, by MLflow, on another machine.
"""

from __future__ import annotations

import atexit
import inspect
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.backend import keras
from trainer.config import TrainConfig
from trainer.own.loading import import_file
from trainer.own.names import file_and_function, is_own

FOLDER = "code/"


def python_files(config: TrainConfig, code: Path | None) -> list[Path]:
    """The files that a model of this config needs to be loaded.

    Args:
        config: of its training.
        code: the folder that holds a study's own files and nothing else; None: the working directory, of which the
            files are taken that the config names.
    """
    named = {file_and_function(name)[0] for name in (config.model, config.augmentation) if is_own(name)}
    if not named:
        return []
    return sorted(code.glob("*.py")) if code is not None else sorted(Path(name) for name in named)


def embed(code: Sequence[Path], model_file: Path) -> None:
    """Puts files of code into a saved model."""
    if not code:
        return
    with zipfile.ZipFile(model_file, "a", zipfile.ZIP_DEFLATED) as archive:
        for path in code:
            archive.writestr(f"{FOLDER}{path.name}", path.read_bytes())


def load_with_code(model_file: Path) -> Any:
    """A saved model, not compiled. The code in it is imported first, for the layers that it defines.

    Raises:
        OwnCodeError: the code cannot be imported here.
    """
    return keras.saving.load_model(model_file, custom_objects=_custom_objects(model_file), compile=False)


def _custom_objects(model_file: Path) -> dict[str, Any]:
    """The classes and functions of the code in a model, by the names that Keras saves them by."""
    if not zipfile.is_zipfile(model_file):  # Keras says what it is
        return {}
    with zipfile.ZipFile(model_file) as archive:
        names = [Path(name).name for name in archive.namelist() if name.startswith(FOLDER) and name.endswith(".py")]
        if not names:
            return {}
        folder = Path(tempfile.mkdtemp(prefix="model-code-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for name in names:
            (folder / name).write_bytes(archive.read(f"{FOLDER}{name}"))
    found: dict[str, Any] = {}
    for name in names:
        module = import_file(folder, name)
        for value in vars(module).values():
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module.__name__:
                found[keras.saving.get_registered_name(value)] = value
    return found
