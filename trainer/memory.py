"""GPU memory: the allocator's peak, the driver's figure for the process, and what an out-of-memory error asked for.

What cannot be measured is None, never 0. Figures are MiB (2**20 bytes).
"""

from __future__ import annotations

import contextlib
import math
import re
import sys

from trainer.backend import keras
from trainer.driver import MIB, Driver


class Meter:
    """Measures one training after the other, in one process.

    TensorFlow and PyTorch can reset their peak. JAX cannot: there a training is measured only if it raises the peak of
    the process (the first one always does).
    """

    def __init__(self, on_gpu: bool, driver: Driver | None = None) -> None:
        self._driver = driver or Driver()
        self._backend = keras.backend.backend() if on_gpu else ""
        self._before = 0.0
        self._held = 0
        self._last: float | None = None  # peak of this training, and the highest of those before it, MiB
        self._highest = 0.0
        self._warned: set[str] = set()

    @property
    def measures(self) -> bool:
        """Whether there is a GPU whose memory can be measured."""
        return bool(self._backend)

    def hold(self, nbytes: int) -> None:
        """So much of the allocator's memory is no training's: it has the images. 0: it has them no more."""
        self._held = nbytes

    def reset(self) -> None:
        """Starts the measurement of a new training."""
        self._highest, self._last = max(self._highest, self._last or 0.0), None
        try:
            if self._backend == "tensorflow":
                import tensorflow as tf

                tf.config.experimental.reset_memory_stats("GPU:0")
            elif self._backend == "torch":
                import torch

                torch.cuda.reset_peak_memory_stats()
            elif self._backend == "jax":
                self._before = _jax_peak() or 0.0
        except Exception as error:  # each allocator has its own, and some keep no statistics
            self._warn("vram_peak_mib", f"the allocator says {error}")

    def peak_mib(self) -> float | None:
        """The most that the allocator gave out at one moment since `reset`, without the images that it holds.

        So that the figure is the same whether or not the images are kept in the GPU's memory.
        """
        peak = None
        if self._backend:
            with contextlib.suppress(Exception):  # `process_mib` says it
                self._driver.look()
        try:
            if self._backend == "tensorflow":
                import tensorflow as tf

                peak = float(tf.config.experimental.get_memory_info("GPU:0")["peak"])
            elif self._backend == "torch":
                import torch

                peak = float(torch.cuda.max_memory_allocated())
            elif self._backend == "jax":
                peak = _jax_peak()
                peak = peak if peak is not None and peak > self._before else None
        except Exception as error:
            self._warn("vram_peak_mib", f"the allocator says {error}")
        self._last = (peak - self._held) / MIB if peak else None
        return self._last

    def process_mib(self) -> float | None:
        """What the driver counts for this process, context and cache included (the figure of `nvidia-smi`).

        None where NVML does not answer, or cannot tell which process this is; and where a training before this one
        took more (by `peak_mib`): allocators give nothing back to the driver, so that the figure is that training's.
        """
        if not self._backend:
            return None
        if self._last is not None and self._last < self._highest:
            self._warn("vram_process_mib", "a training before it in this process took more (see --isolation trial)")
            return None
        try:
            return self._driver.process_mib()
        except LookupError as error:
            self._warn("vram_process_mib", str(error))
        except Exception as error:  # NVML has a class an error code, and the library itself may be missing
            self._warn("vram_process_mib", f"NVML says {error}")
        return None

    def _warn(self, measure: str, why: str) -> None:
        if measure not in self._warned:
            print(f"{measure} is not measured: {why}", file=sys.stderr)
            self._warned.add(measure)


def _jax_peak() -> float | None:
    import jax

    stats = jax.devices()[0].memory_stats()
    return float(stats["peak_bytes_in_use"]) if stats and "peak_bytes_in_use" in stats else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator refused: TensorFlow's, PyTorch's and JAX's own exceptions, and Python's."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("ResourceExhaustedError", "OutOfMemoryError"):
        return True
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()


_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_ITEM = {"half": 2, "bfloat16": 2, "float": 4, "double": 8, "int32": 4, "int64": 8, "uint8": 1, "bool": 1}


def requested_mib(message: str) -> float | None:
    """How much the allocation that failed asked for, from the allocator's message; None where it does not say."""
    shape = re.search(r"shape\[([\d,]+)\] and type (\w+)", message)  # TensorFlow
    if shape:
        return math.prod(int(n) for n in shape[1].split(",")) * _ITEM.get(shape[2], 4) / MIB
    amount = re.search(r"(?:allocat\w*|request for) ([\d.]+) ?([KMGT]?)i?(?:B|bytes)\b", message)  # PyTorch, XLA, NumPy
    if amount:
        return float(amount[1]) * _BYTES[amount[2]] / MIB
    return None
