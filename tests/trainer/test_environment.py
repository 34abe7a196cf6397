"""What the processes that we start find in their environment, and that a person's settings change no training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.environment import (
    BACKEND_FIXED,
    FIXED,
    KEPT,
    noted,
    process_environment,
    server_environment,
    set_up_backend,
    without_loopback,
)

ROOT = Path(__file__).resolve().parents[2]
# As notebooks, cron, systemd, clusters and people leave them.
STRANGE = {
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "KERAS_HOME": "/somebody/keras",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
    "JAX_ENABLE_X64": "1",
    "NVIDIA_TF32_OVERRIDE": "0",
    "OMP_NUM_THREADS": "7",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "LANG": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONOPTIMIZE": "2",
    "http_proxy": "http://proxy:3128",
    "MLFLOW_TRACKING_PASSWORD": "secret",
    "PGPASSWORD": "secret",
    "COLUMNS": "20",
}


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in STRANGE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "intranet")


@pytest.mark.usefixtures("strange")
def test_a_process_gets_what_stands_in_the_lists_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = process_environment()
    assert found.keys() - FIXED.keys() <= set(KEPT)
    assert found["PATH"] == os.environ["PATH"]
    assert {name: found[name] for name in FIXED} == FIXED
    assert (found["LC_ALL"], found["MPLBACKEND"], found["KERAS_HOME"]) == ("C.UTF-8", "agg", "/dev/null")
    assert not found.keys() & (STRANGE.keys() - FIXED.keys())
    monkeypatch.delenv("HOME")
    assert "HOME" not in process_environment()


def test_a_user_may_name_further_variables_but_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NCCL_DEBUG", "LM_LICENSE_FILE", "MLFLOW_TRACKING_TOKEN", "SEARCH_STORAGE_URL", "PGPASSWORD"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv(
        "SEARCH_PASS_ENV", "NCCL_DEBUG, LM_LICENSE_FILE,NOT_THERE,MLFLOW_TRACKING_TOKEN,SEARCH_STORAGE_URL,PGPASSWORD,"
    )
    assert process_environment().keys() - FIXED.keys() - set(KEPT) == {"NCCL_DEBUG", "LM_LICENSE_FILE"}


@pytest.mark.usefixtures("strange")
def test_a_server_gets_proxies_and_logins_but_no_proxy_for_this_machine() -> None:
    found = server_environment()
    assert (found["http_proxy"], found["PGPASSWORD"]) == ("http://proxy:3128", "secret")
    assert found["no_proxy"] == found["NO_PROXY"] == "intranet,127.0.0.1,localhost,::1"
    assert "MLFLOW_TRACKING_PASSWORD" not in found


def test_no_proxy_keeps_what_stands_in_either_spelling() -> None:
    assert without_loopback({})["no_proxy"] == "127.0.0.1,localhost,::1"
    given = {"no_proxy": "a, b", "NO_PROXY": "b,c,127.0.0.1"}
    assert without_loopback(given)["NO_PROXY"] == "a,b,c,127.0.0.1,localhost,::1"
    assert without_loopback(without_loopback(given)) == without_loopback(given)


@pytest.mark.usefixtures("strange")
def test_what_is_noted_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = noted()
    assert (found["CUDA_VISIBLE_DEVICES"], found["OMP_NUM_THREADS"], found["LC_ALL"]) == ("1", "7", STRANGE["LC_ALL"])
    assert not found.keys() & {"PATH", "HOME", "USER", "PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "http_proxy"}


def test_the_backend_is_the_users_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", dict(STRANGE) | {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "0"})
        set_up_backend()
        assert (os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"]) == ("jax", "0")
        assert os.environ["KERAS_HOME"] == os.devnull
        assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == BACKEND_FIXED.get("TF_ENABLE_ONEDNN_OPTS") != "0"
        left = STRANGE.keys() & os.environ.keys() - BACKEND_FIXED.keys()
        assert not [name for name in left if name.startswith(("TF_", "XLA_", "JAX_"))]
        assert not os.environ.keys() & {"KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "NVIDIA_TF32_OVERRIDE"}


PROGRAM = """
import json, sys
if sys.argv[1] == "before":
    import keras
from trainer.backend import keras, set_up
from trainer.config import TrainConfig
from trainer.model import build
set_up(1)
model = build(TrainConfig.of({"depth": 2, "color": True, "image_height": 16, "image_width": 16}), ("a", "b"))
settings = [keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(), keras.config.max_epochs()]
print(json.dumps([*settings, keras.config.dtype_policy().name, keras.backend.backend(), model.count_params()]))
"""


@pytest.mark.parametrize("imported", ["before", "after"])
def test_a_keras_json_changes_nothing(imported: str, tmp_path: Path) -> None:
    """Also where Keras was imported before this package, which could then not keep the file from it."""
    (tmp_path / ".keras").mkdir()
    given = {"floatx": "float16", "epsilon": 0.1, "backend": "tensorflow", "image_data_format": "channels_first"}
    file = tmp_path / ".keras" / "keras.json"
    file.write_text(json.dumps(given))
    strange = {name: value for name, value in STRANGE.items() if not name.startswith(("PYTHON", "KERAS_HOME", "MPL"))}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": "", **strange}
    environment["XLA_FLAGS"] = ""  # of which TensorFlow refuses to start with a wrong one, if it was imported before
    command = [sys.executable, "-c", PROGRAM, imported]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    floatx, epsilon, layout, epochs, policy, backend, parameters = json.loads(ran.stdout)
    assert (floatx, epsilon, layout, epochs) == ("float32", 1e-7, "channels_last", None)
    assert (policy, backend) == ("float32", "tensorflow")
    assert parameters == (3 * 9 + 1) * 16 + (16 * 9 + 1) * 16 + (4 * 4 * 16 + 1) * 32 + 33 * 8 + 9 * 2
    assert json.loads(file.read_text()) == given
