from __future__ import annotations

import subprocess
import sys

import trainer.data


def test_the_public_names() -> None:
    assert sorted(trainer.data.__all__) == [
        "CacheReport",
        "DEMO_VERSION",
        "DataOptions",
        "Dataset",
        "ImageSize",
        "Index",
        "ensure_demo",
        "open_dataset",
        "prepare",
        "scan",
        "write_demo",
    ]
    for name in trainer.data.__all__:
        assert hasattr(trainer.data, name)


def test_importing_it_loads_neither_keras_nor_anything_that_draws() -> None:
    script = "import sys, trainer.data; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"keras", "tensorflow", "matplotlib", "scipy", "rich", "optuna", "mlflow", "sqlalchemy", "docker"}
    assert not heavy & set(loaded)
    assert {"numpy", "PIL"} <= set(loaded)
