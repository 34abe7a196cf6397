"""The environment of the processes that we start, built from a list, so that a trial is the same wherever it is begun.

Libraries read many settings from the environment and from files that it names. What a notebook, cron, systemd, ssh or a
person's shell has left there must not change what is trained: `KERAS_MAX_EPOCHS` cuts every training, a `keras.json`
with `channels_first` builds another model, `JAX_ENABLE_X64` other numbers. So a process of ours gets what stands in
`KEPT`, and `FIXED`; nothing else passes, but for what the user names in `SEARCH_PASS_ENV`.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable, Mapping

# What a process needs to find programs, libraries, its user and the machine's devices.
KEPT = (
    *("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
    *("VIRTUAL_ENV", "CONDA_PREFIX"),
    *("HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_PATH", "CUDA_CACHE_PATH"),
    *("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    "KERAS_BACKEND",  # the one setting of Keras that is the user's to choose
    "NOOP_TRAINER",  # of a trainer that trains nothing (tests/search/noop_trainer.py)
)
# What Keras and its backends read. `/dev/null/keras.json` is neither read nor written.
BACKEND_FIXED = {
    "KERAS_HOME": os.devnull,
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # memory on demand: several slots may share a card
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the same for JAX
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # PyTorch refuses deterministic matrix products without it
}
if platform.machine().lower() in ("x86_64", "amd64"):
    # TensorFlow leaves oneDNN off on those without AVX-512 VNNI, where it trains the reference model nearly five times
    # as fast (benchmarks/onednn.py); and whether it is on changes the last digits of what is computed.
    BACKEND_FIXED["TF_ENABLE_ONEDNN_OPTS"] = "1"
FIXED = {
    "LC_ALL": "C.UTF-8",
    "PYTHONUTF8": "1",  # file names and pipes are UTF-8, whatever the locale
    "MPLBACKEND": "agg",
    "TF_CPP_MIN_LOG_LEVEL": "2",  # one page of C++ notices at every start
    **BACKEND_FIXED,
}
# How the names begin that change what a backend computes, or how.
BACKEND_SETTINGS = (
    *("KERAS_", "TF_", "XLA_", "JAX_", "TORCH_", "PYTORCH_", "CUBLAS_", "CUDNN_", "ONEDNN_", "DNNL_"),
    "NVIDIA_TF32_OVERRIDE",
)
_HARMLESS = ("KERAS_BACKEND", "TF_CPP_")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# What is noted of a slot's environment: settings, and neither places nor names of people.
_NOTED = (*BACKEND_SETTINGS, *THREADS, "CUDA_", "GLIBC_TUNABLES", "MALLOC_", "LC_", "LANG", "MPL", "PYTHONUTF8", "TZ")

PASS = "SEARCH_PASS_ENV"  # names of further variables for our processes, with commas
SECRETS = ("SEARCH_", "MLFLOW_", "PG", "AWS_", "AZURE_", "GOOGLE_")  # how names begin that no trainer is given
# What servers that we start may need besides: ways out of this network, certificates, and logins.
SERVERS = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("PG", "AWS_", "AZURE_", "GOOGLE_"),
)
_is_command = False  # until `set_up_matplotlib` was called
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def process_environment(also: Iterable[str] = ()) -> dict[str, str]:
    """The variables of a process that we start.

    Args:
        also: how the names of further variables begin that it may have.
    """
    beginnings = tuple(also)
    found = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(beginnings)}
    return {**found, **passed_on(), **FIXED}


def passed_on() -> dict[str, str]:
    """The variables that the user names in `SEARCH_PASS_ENV`, those that are there and no secrets."""
    names = (part.strip() for part in os.environ.get(PASS, "").split(","))
    return {name: os.environ[name] for name in names if name in os.environ and not name.startswith(SECRETS)}


def server_environment() -> dict[str, str]:
    """The variables of a server that we start: ours, proxies and logins; this machine is asked without a proxy."""
    found = process_environment(SERVERS)
    return {**found, **without_loopback(found)}


def without_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """`no_proxy`, in both spellings, with this machine in it: a proxy answers for another one, or not at all."""
    given = [environment.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    hosts = [host.strip() for text in given for host in text.split(",")]
    text = ",".join(dict.fromkeys([*filter(None, hosts), *LOOPBACK]))
    return {"no_proxy": text, "NO_PROXY": text}


def set_up_backend() -> None:
    """Takes from this process's environment whatever would change what is trained. Call it before Keras is imported."""
    for name in list(os.environ):
        if name.startswith(BACKEND_SETTINGS) and not name.startswith(_HARMLESS):
            del os.environ[name]
    os.environ.update(BACKEND_FIXED)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", FIXED["TF_CPP_MIN_LOG_LEVEL"])


def set_up_matplotlib() -> None:
    """No window, no notebook, no `matplotlibrc`: figures look the same everywhere. For commands, which draw alone.

    Of a home that is another's, or is not there, matplotlib says at each start that it keeps its list of fonts
    elsewhere: that is no matter of who runs a study.

    A notebook that uses this package as a library keeps its own settings.
    """
    global _is_command
    _is_command = True
    os.environ["MPLBACKEND"] = FIXED["MPLBACKEND"]
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def reset_matplotlib() -> None:
    """Forgets what a `matplotlibrc` said, in a command. Call it before anything is drawn."""
    if _is_command:
        import matplotlib

        matplotlib.rcdefaults()


def noted() -> dict[str, str]:
    """The settings among this process's variables, for the provenance of what it trains."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(_NOTED)}
