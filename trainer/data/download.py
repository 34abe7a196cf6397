"""The public blood-cell set, fetched by `kagglehub` and laid out as TRAIN/ and TEST/."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from pathlib import Path

from trainer.data.index import SIDES
from trainer.errors import DataError

KAGGLE_SET = "paultimothymooney/blood-cells"
PAGE = f"https://www.kaggle.com/datasets/{KAGGLE_SET}"
INSIDE = Path("dataset2-master/dataset2-master/images")  # where the archive keeps TRAIN/ and TEST/


def download(folder: Path) -> bool:
    """Fetch the set into `folder`. False where TRAIN/ and TEST/ are there already.

    `folder` appears complete or not at all. kagglehub keeps its own copy, by default in ~/.cache/kagglehub.

    Args:
        folder: is made; may be there if it is empty.

    Raises:
        DataError: kagglehub is missing, the set cannot be fetched, or the folder has other things in it.
    """
    folder = folder.resolve()
    if all((folder / side).is_dir() for side in SIDES):
        return False
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty and has no TRAIN/ and TEST/; a new or empty folder is needed.")
    images = _fetch() / INSIDE
    missing = [side for side in SIDES if not (images / side).is_dir()]
    if missing:
        raise DataError(
            f"The set that kagglehub brought has no {INSIDE}/{missing[0]}; its layout must have changed. See {PAGE}."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            for side in SIDES:
                shutil.copytree(images / side, Path(beside) / "set" / side)
            (Path(beside) / "set").rename(folder)
    except OSError as error:
        raise DataError(f"The images cannot be written to {folder}: {error.strerror or error}.") from error
    return True


def _fetch() -> Path:
    """kagglehub's folder with the set."""
    try:
        kagglehub = importlib.import_module("kagglehub")
    except ImportError:
        raise DataError(f"kagglehub is not installed: pip install '.[download]' brings it. {_BY_HAND}") from None
    try:
        return Path(kagglehub.dataset_download(KAGGLE_SET))
    except Exception as error:  # kagglehub lets the errors of its HTTP library through
        cause = " ".join(str(error).split())[:300]
        raise DataError(
            f"The set could not be fetched from Kaggle ({type(error).__name__}: {cause}). Is there a network? "
            f"{_BY_HAND}"
        ) from error


_BY_HAND = f"By hand: download {PAGE} in a browser and unpack TRAIN/ and TEST/ from {INSIDE}/."
