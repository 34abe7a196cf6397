"""Whether a slot keeps its images in the memory of its GPU, and which ones."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.driver import MIB, free_bytes
from trainer.memory import Meter, is_out_of_memory
from trainer.resident import Resident, place

Keeps = Callable[[int], bool]

# Of what is free, at the most: so small that a model which fits without the set fits beside it but for a tenth of the
# card, the margin that the search leaves where trainers share one (search/controller/packing.py). The public set at
# 120x160, 191 MB in gray, is kept where 1.9 GB are free. A choice, not measured.
SHARE = 0.1


def fits(set_bytes: int, free: int | None) -> bool:
    """Whether a set of images is kept in the GPU's memory.

    Args:
        set_bytes: of all its images.
        free: bytes on the card; None: it is not known.
    """
    return free is not None and set_bytes <= SHARE * free


class Residence:
    """The images of a slot on its device, those of one size at a time. It is decided anew when the size changes.

    Args:
        meter: is told what is no training's.
        keeps: whether so many bytes are kept; None: on a GPU, where they fit.
        forget: called before other images come: the models that were trained on those before.
    """

    def __init__(self, meter: Meter, keeps: Keeps | None, forget: Callable[[], None]) -> None:
        self._meter, self._forget = meter, forget
        self._keeps = keeps or (lambda nbytes: meter.measures and fits(nbytes, free_bytes()))
        self._file = ""
        self._resident: Resident | None = None

    def of(self, images: np.memmap[Any, np.dtype[np.uint8]]) -> Resident | None:
        """These images on the device; None where they are not kept there.

        Args:
            images: uint8 (n, height, width, channels), mapped from a file of the cache.
        """
        if self._file != str(images.filename):
            self._forget()
            self._resident = None
            self._meter.hold(0)
            gc.collect()
            if self._keeps(images.nbytes):
                self._resident = _placed(images)
            self._file = str(images.filename)
            self._meter.hold(self._resident.nbytes if self._resident else 0)
        return self._resident

    def prepare_model(self, model: Any) -> None:
        """Has the training step of a compiled model take what batches of the resident images are."""
        if self._resident is not None:
            self._resident.prepare_model(model)


def _placed(images: np.memmap[Any, np.dtype[np.uint8]]) -> Resident | None:
    what = f"{len(images):,} images ({images.nbytes / MIB:,.0f} MiB)"
    try:
        placed = place(images)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        print(f"{what} do not fit into the device's memory: their batches are copied to it", file=sys.stderr)
        return None
    print(f"{what} are kept in the device's memory", file=sys.stderr)
    return placed
