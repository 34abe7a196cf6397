"""Whether a slot is what was asked for: of this search's protocol and code, on the device that it was given."""

from __future__ import annotations

from search.errors import ExecutorError, SettingsError
from search.executors import Slot, log_tail
from search.study import Study
from search.study.objectives import OBJECTIVES
from search.text import first_upper
from trainer import __version__
from trainer.events import PROTOCOL, Ready
from trainer.fingerprint import code_fingerprint


def check_ready(slot: Slot, ready: Ready) -> None:
    """Whether a slot that introduces itself is what was asked for.

    Raises:
        ExecutorError: it is not, and no other one of this executor will be.
    """
    check_protocol(slot, ready.protocol)
    name = first_upper(slot.title)
    if ready.code and ready.code != code_fingerprint():
        raise ExecutorError(
            f"{name} trains with other code than this search: trainer {ready.version} of fingerprint "
            f"{ready.code} there, {__version__} of {code_fingerprint()} here. Was trainer/ changed while the study "
            "ran? Run the same command again; an image or an installation must be made anew from this checkout."
        )
    if slot.has_gpu and ready.device != "gpu":
        raise ExecutorError(
            f"{name} was given a GPU, and {ready.backend} finds none. Is its part for CUDA installed "
            f"(GPU=yes make setup), and the driver new enough? The end of its log ({slot.log}):\n"
            f"{log_tail(slot.log)}\nOr train on the CPU: --gpus none"
        )


def check_measures(study: Study, ready: Ready) -> None:
    """Whether a trainer measures what a search looks for and must keep.

    Raises:
        SettingsError: it does not: every trial would fail at its end.
    """
    if study.search is None or ready.vram_measured:
        return
    looked_for = [f"objectives: {name}" for name in study.search.objectives if OBJECTIVES[name].on_gpu]
    limits = [f"constraints: {name}" for name in study.constraints if OBJECTIVES[name].on_gpu]
    if looked_for or limits:
        raise SettingsError(
            f"The study {study.name} has {', '.join([*looked_for, *limits])}, which is measured on GPUs alone; found a "
            f"trainer on {ready.device_name} ({ready.device.upper()}). Train on a GPU, or take it off: the objective "
            '"cost" is the parameters where VRAM is not measured.'
        )


def check_protocol(slot: Slot, version: int | None) -> None:
    """Whether a slot speaks this search's protocol; None: it did not say.

    Raises:
        ExecutorError: it speaks another version.
    """
    if version not in (None, PROTOCOL):
        raise ExecutorError(
            f"{first_upper(slot.title)} speaks version {version} of the trainer's protocol, this search {PROTOCOL}: "
            "install both from one checkout."
        )
