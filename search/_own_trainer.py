"""The package `trainer` beside this one is meant, whatever the current folder holds.

`python -m search.run` looks into the current folder first, where somebody's own `trainer.py` may lie: a common name.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def use_own_trainer() -> None:
    """Imports the package from beside this one, where another module would be imported under its name."""
    ours = Path(__file__).resolve().parents[1] / "trainer" / "__init__.py"
    if "trainer" in sys.modules or not ours.is_file():
        return
    found = importlib.util.find_spec("trainer")
    if found is not None and found.origin is not None and Path(found.origin).resolve() == ours:
        return
    spec = importlib.util.spec_from_file_location("trainer", ours, submodule_search_locations=[str(ours.parent)])
    if spec is None or spec.loader is None:
        return
    sys.modules["trainer"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


use_own_trainer()
