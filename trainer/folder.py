"""Which folder of images a command means."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.data import ensure_demo
from trainer.data.layouts import allowed
from trainer.errors import DataError

VARIABLE = "BLOOD_CELLS_DIR"
USUAL = Path("data/blood-cells")


def resolve_data(given: str | None, cache: Path) -> tuple[Path, str]:
    """The folder, and a sentence that says why it was taken.

    Args:
        given: a folder, or `demo`, or None for `$BLOOD_CELLS_DIR`, else `data/blood-cells`, else the demo set.
        cache: where the demo set is drawn, once.

    Raises:
        DataError: the folder is not there.
    """
    if given is None and os.environ.get(VARIABLE):
        given, why = os.environ[VARIABLE], f"from ${VARIABLE}"
    elif given is None and USUAL.is_dir():
        given, why = str(USUAL), "the usual folder"
    elif given is None:
        given, why = "demo", f"no --data, no ${VARIABLE}, no {USUAL}/"
    else:
        why = "as given"
    if given == "demo":
        folder = cache / "demo"
        ensure_demo(folder)
        return folder, f"the built-in demo set, drawn by code: no real cells ({why})"
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise DataError(f"{given}: no such folder ({why}); it should hold {allowed()}")
    return folder.resolve(), f"{folder} ({why})"
