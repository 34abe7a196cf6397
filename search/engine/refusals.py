"""What an engine says when it cannot, in words that say what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from docker.errors import APIError, DockerException

from search.errors import ExecutorError

FAILURES = (DockerException, OSError)  # the errors of `requests`, which the SDK lets through, are OSErrors


class EngineError(ExecutorError):
    """The engine cannot be used.

    Args:
        problem: what is wrong, in a line.
        mend: what mends it: a sentence and a command; empty where nothing is known.
    """

    def __init__(self, problem: str, mend: str = "") -> None:
        self.problem = problem
        super().__init__(f"{problem} {mend}" if mend else problem)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Within, whatever the engine refuses is an EngineError."""
    try:
        yield
    except FAILURES as error:
        raise EngineError(explained(reason(error))) from None


def reason(error: Exception) -> str:
    """What an error of the SDK says, in one line."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return " ".join((text or type(error).__name__).split())[:500]


# What engines say that cannot give a container a GPU: without the toolkit, with it and no driver, with an old one.
NO_GPU = (
    "could not select device driver",
    "nvidia-container-cli",
    "nvidia-container-runtime",
    "libnvidia-ml.so",
    "unresolvable CDI devices",
    "failed to discover GPU vendor from CDI",
)


def explained(said: str) -> str:
    """An engine's refusal, with the command that mends it where there is one."""
    if any(words in said for words in NO_GPU):
        return (
            f"The Docker engine cannot give a container a GPU: {said}. It needs NVIDIA's driver and its Container "
            "Toolkit (https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/), then:\n"
            "  sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker\n"
            "Or train without one: --gpus none"
        )
    return f"The Docker engine says no: {said}"
