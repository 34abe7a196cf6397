"""The kind of device that a trial is trained on: what must be equal for two trainings to be compared without it."""

from __future__ import annotations

from trainer.events import Ready

BACKENDS = ("tensorflow", "jax", "torch")


def kind_of(ready: Ready) -> str:
    """The device, and what computes there: as `NVIDIA H200, tensorflow 2.21.0`.

    Args:
        ready: what the slot said of itself.
    """
    software = [f"{name} {ready.versions[name]}" for name in BACKENDS if name in ready.versions]
    return ", ".join([ready.device_name, *software])
