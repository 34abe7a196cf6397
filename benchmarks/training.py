"""Images a second of the reference model in training, validation left out, on the CPU.

This project's figure is what its slots say of themselves (`images_per_s` of an epoch): real trainer processes, started
as the search starts them, fed from the cache. Where several train at once, only those epochs count in which all were
training. The other figure is the same model as TensorFlow's and Keras's own pages would have it (plain_training.py).
First epochs are left out on both sides: tracing falls into them.
"""

from __future__ import annotations

import json
import queue
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import cores
from benchmarks.processes import PYTHON, BenchmarkError, run
from benchmarks.results import Measured, ratios
from search.executors import LocalExecutor, Mailbox, SlotExit, SlotLine, TrainerSource, log_tail
from trainer.config import TrainConfig
from trainer.data import ImageSize, prepare
from trainer.events import Epoch, Failed, Started, parse

FOREVER = 100_000  # epochs; the slots are ended when enough is measured
SILENCE_S = 600.0  # a slot that says nothing for so long will not


@dataclass(frozen=True)
class Setting:
    """What is trained.

    Attributes:
        data: the folder of images.
        epochs: that are measured.
        height, width: of the images, pixels.
        product_size: of the matrix product.
        product_s: how long it is repeated.
    """

    data: Path
    epochs: int = 3
    height: int = 120
    width: int = 160
    product_size: int = 4096
    product_s: float = 3.0


def measure(setting: Setting, *, repeat: int = 1, several: int | None = None) -> Measured:
    """This project, the plain way and the matrix product, one after another, `repeat` times.

    Args:
        several: processes of one thread at once, and the threads of a process that has all cores; None: the cores.

    Raises:
        BenchmarkError: a process failed.
    """
    several = several or cores()
    rows: dict[str, list[float]] = {}
    flops = 0
    with tempfile.TemporaryDirectory(prefix="benchmark-training-") as folder:
        cache = Path(folder) / "cache"
        prepare(setting.data, cache, [ImageSize(setting.height, setting.width, False)])
        for turn in range(repeat):
            logs = Path(folder) / f"logs-{turn}"
            found, flops = _one_turn(setting, TrainerSource(setting.data, cache, logs), logs, several)
            for name, value in found.items():
                rows.setdefault(name, []).append(value)
    return _measured(rows, flops, several)


def _one_turn(setting: Setting, source: TrainerSource, logs: Path, several: int) -> tuple[dict[str, float], int]:
    found = {}
    found["slots"], flops = slots_rate(setting, source, logs, slots=several, threads=1)
    found["plain"] = plain_rate(setting, processes=1, threads=None if several == cores() else several)
    found["product"] = max(_product(setting).values())
    if several > 1:
        found["slot, all cores"], _ = slots_rate(setting, source, logs, slots=1, threads=several)
        found["plain, several"] = plain_rate(setting, processes=several, threads=1)
    return found, flops


def _measured(rows: Mapping[str, Sequence[float]], flops: int, several: int) -> Measured:
    measured = Measured("training", "images a second of the reference model in training, CPU")
    slots = f"{several} slots of one thread" if several > 1 else "one slot of one thread"
    measured.add(f"this project, {slots}", rows["slots"], "images/s")
    measured.add("plain way, one process, all cores", rows["plain"], "images/s")
    measured.add("times faster", ratios(rows["slots"], rows["plain"]), "x", at_least=2)
    if several > 1:
        measured.add("this project, one slot, all cores", rows["slot, all cores"], "images/s")
        measured.add("times faster, one process against one", ratios(rows["slot, all cores"], rows["plain"]), "x")
        measured.add(f"plain way, {several} processes of one thread", rows["plain, several"], "images/s")
        measured.add(
            f"times faster, {several} processes against {several}", ratios(rows["slots"], rows["plain, several"]), "x"
        )
    step = 3 * flops  # forward, and about twice that backward: for the weights and for the inputs
    measured.add("large float32 matrix product, all cores", rows["product"], "GFLOP/s")
    reached = [rate * step / 1e9 for rate in rows["slots"]]
    measured.add("this project, convolutions and dense layers", reached, "GFLOP/s")
    measured.add("   share of the matrix product", [100 * r for r in ratios(reached, rows["product"])], "%")
    plain = [rate * step / 1e9 for rate in rows["plain"]]
    measured.add("   the plain way's share", [100 * r for r in ratios(plain, rows["product"])], "%")
    measured.notes.append(f"A training step takes 3 x {flops / 1e6:.1f} = {step / 1e6:.1f} MFLOP an image.")
    return measured


def slots_rate(setting: Setting, source: TrainerSource, logs: Path, *, slots: int, threads: int) -> tuple[float, int]:
    """Images a second of so many slots together, and the FLOPs of one image's inference."""
    mailbox: Mailbox = queue.SimpleQueue()
    epochs: list[list[tuple[float, Epoch]]] = [[] for _ in range(slots)]
    flops = 0
    with LocalExecutor(source, logs, threads=threads, gpus=()) as executor:
        started = [executor.start(number, mailbox) for number in range(slots)]
        for number, slot in enumerate(started):
            config = TrainConfig(
                trial=f"slot-{number}",
                epochs=FOREVER,
                seed=number,
                image_height=setting.height,
                image_width=setting.width,
            )
            slot.send(config.model_dump_json())
        while min(len(_together(epochs, own)) for own in epochs) < setting.epochs:
            mail = _next(mailbox)
            if isinstance(mail, SlotExit):
                raise BenchmarkError(f"a slot {mail.reason}:\n{log_tail(mail.slot.log)}")
            if not isinstance(mail, SlotLine):
                continue
            event = parse(mail.line)
            if isinstance(event, Failed):
                raise BenchmarkError(f"a training failed: {event.message}\n{event.traceback}")
            if isinstance(event, Started):
                flops = event.flops_per_image
            if isinstance(event, Epoch):
                epochs[mail.slot.number].append((time.monotonic(), event))
    rates = [statistics.median(epoch.images_per_s for _, epoch in _together(epochs, own)) for own in epochs]
    return sum(rates), flops


def _together(
    epochs: Sequence[Sequence[tuple[float, Epoch]]], own: Sequence[tuple[float, Epoch]]
) -> list[tuple[float, Epoch]]:
    """A slot's epochs that began after the first of every slot was over: from then on all were training."""
    if not all(epochs):
        return []
    warm = max(several[0][0] for several in epochs)
    return [own[place] for place in range(1, len(own)) if own[place - 1][0] >= warm]


def _next(mailbox: Mailbox) -> Any:
    try:
        return mailbox.get(timeout=SILENCE_S)
    except queue.Empty:
        raise BenchmarkError(f"no slot said anything for {SILENCE_S:.0f} s") from None


def plain_rate(setting: Setting, *, processes: int, threads: int | None) -> float:
    """Images a second of so many plain trainings together. They start at once, and their first epochs do not count."""
    command = [PYTHON, "-m", "benchmarks.plain_training", "--data", str(setting.data)]
    command += ["--epochs", str(setting.epochs + 1), "--height", str(setting.height), "--width", str(setting.width)]
    if threads:
        command += ["--threads", str(threads)]
    with ThreadPoolExecutor(processes) as pool:
        several = list(pool.map(lambda _: run(command, {"CUDA_VISIBLE_DEVICES": "-1"}), range(processes)))
    return sum(_plain_rate(ran.stdout) for ran in several)


def _plain_rate(stdout: str) -> float:
    lines = [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]
    epoch_s = [line["epoch_s"] for line in lines if line.get("epoch", 0) > 1]
    return float(lines[0]["images"] / statistics.median(epoch_s))


def _product(setting: Setting) -> dict[str, float]:
    command = [PYTHON, "-m", "benchmarks.matrix_product", "--size", str(setting.product_size)]
    found: dict[str, float] = json.loads(run([*command, "--seconds", str(setting.product_s)]).stdout.splitlines()[-1])
    return found
