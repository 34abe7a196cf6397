"""What one GPU gives, in at most nine minutes: speed, memory, trainers side by side, and what the model learns there.

    make bench-gpu                                  the first GPU, on the drawn images
    make bench-gpu ARGS="--data DIR --gpu 1"
    KERAS_BACKEND=jax make bench-gpu
    python -m benchmarks.gpu --short                a check of the command itself, on the CPU; its figures mean nothing

With JAX, seeds of the model that train in one program are held against trainers beside each other, an experiment.
Needs no network, and nothing beyond the trainer's own packages. Real trainers train, as the search starts them. What
does not fit into the time is left out and named under `left_out`. Without a GPU nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import gpu_stacked
from benchmarks.gpu_bandwidth import COMMAND, step_bytes
from benchmarks.gpu_trained import Trained, epochs_together, images_per_second
from benchmarks.machine import describe
from benchmarks.processes import BenchmarkError, run
from search.executors import LocalExecutor, Slot, SlotExit, SlotLine, TrainerSource, log_tail
from trainer.config import TrainConfig
from trainer.data import ImageSize, prepare
from trainer.errors import DataError
from trainer.events import Epoch, Event, Failed, Finished, Ready, Stopped, parse
from trainer.folder import resolve_data

MOST_S = 540.0  # of the whole command
STUDIED_MIB = {"gray": 1829.0, "color": 3400.0}  # of the studied work, on a GTX 1060 (/README.md)
MANY = 100_000  # epochs: as many as a config may have
LAST = "bench-last"
NO_GPU = "No GPU: NVML shows none, so that nothing is measured. The command itself can be tried with --short."


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        gpus: the card, by index; empty: the CPU.
        height, width: of the images, pixels.
        batches: sizes.
        together: trainers on the card at once; and seeds stacked into one program.
        epochs: that are measured at the least, beside the first, in which the graph is traced.
        measured_s: for as long at the least.
        learning: epochs of the training whose accuracy is told.
        steps: of stacked seeds, that are measured.
        most_s: for all of it.
    """

    gpus: tuple[int, ...] = (0,)
    height: int = 120
    width: int = 160
    batches: tuple[int, ...] = (100, 500)
    together: tuple[int, ...] = (1, 2, 4, 8)
    epochs: int = 5
    measured_s: float = 5.0
    learning: int = 60
    steps: int = 200
    most_s: float = MOST_S


SHORT = Plan(
    (),
    height=24,
    width=32,
    batches=(100,),
    together=(1, 2),
    epochs=1,
    measured_s=0.0,
    learning=2,
    steps=3,
    most_s=3600.0,
)


class Bench:
    """One card, until its time is over.

    Args:
        plan: what is measured.
        source: the images, decoded in the cache.
        logs: the folder for what trainers write on stderr.
    """

    def __init__(self, plan: Plan, source: TrainerSource, logs: Path) -> None:
        self.plan, self.source, self._logs = plan, source, logs
        self.end = time.monotonic() + plan.most_s

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.end - time.monotonic()

    def train(self, count: int = 1, *, batch: int = 100, color: bool = False, epochs: int | None = None) -> Trained:
        """Trains the reference model in so many trainers at once.

        Args:
            count: of trainers.
            batch, color: of the model.
            epochs: of each; None: until all have trained beside each other for as long as the plan says. On a fast card
                a trainer is through with a few epochs before the next one has started.

        Raises:
            BenchmarkError: a training failed.
            TimeoutError: it did not end in the time that is left.
        """
        plan = self.plan
        config = TrainConfig(
            trial="bench",
            epochs=epochs or MANY,
            batch_size=batch,
            color=color,
            image_height=plan.height,
            image_width=plan.width,
        )
        mailbox: queue.SimpleQueue[SlotLine | SlotExit] = queue.SimpleQueue()
        events: dict[Slot, list[tuple[float, Event]]] = {}
        with LocalExecutor(self.source, self._logs, gpus=plan.gpus, slots_per_gpu=count) as executor:
            for number in range(count):
                slot = executor.start(number, mailbox)
                events[slot] = []
                slot.send(config.model_copy(update={"seed": number}).model_dump_json())
            stopping = epochs is not None
            while sum(isinstance(own[-1][1], Finished) for own in events.values() if own) < count:
                slot, event = self._next(mailbox)
                match event:
                    case Failed():
                        raise BenchmarkError(f"a training failed: {event.kind}: {event.message}")
                    case Stopped():  # tells no memory: one more epoch of the same graph does
                        slot.send(config.model_copy(update={"trial": LAST, "epochs": 1}).model_dump_json())
                    case Epoch(trial=trial) if trial == LAST:
                        pass
                    case _:
                        events[slot].append((time.monotonic(), event))
                if not stopping and self._enough(list(events.values())):
                    stopping = True
                    for each in events:
                        each.send(json.dumps({"stop": config.trial}))
        finished = [own[-1][1] for own in events.values()]
        ends = [event for event in finished if isinstance(event, Finished)]
        device = next(event.device_name for own in events.values() for _, event in own if isinstance(event, Ready))
        return Trained(
            images_per_second(list(events.values())),
            [end.vram_peak_mib for end in ends],
            [end.vram_process_mib for end in ends],
            ends,
            device,
        )

    def _enough(self, trainers: list[list[tuple[float, Event]]]) -> bool:
        """Whether all have trained beside each other for as long as the plan says."""
        firsts = [next((at for at, event in own if isinstance(event, Epoch)), None) for own in trainers]
        begun = [at for at in firsts if at is not None]
        if len(begun) < len(trainers) or time.monotonic() - max(begun) < self.plan.measured_s:
            return False
        return epochs_together(trainers) >= self.plan.epochs

    def _next(self, mailbox: queue.SimpleQueue[SlotLine | SlotExit]) -> tuple[Slot, Event]:
        try:
            mail = mailbox.get(timeout=max(0.0, self.left_s))
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(mail, SlotExit):
            raise BenchmarkError(f"a trainer {mail.reason}:\n{log_tail(mail.slot.log)}")
        return mail.slot, parse(mail.line)


def measure(bench: Bench, say: Callable[[str], None]) -> dict[str, Any]:
    """Every part that fits into the time, the most telling first."""
    plan, found = bench.plan, dict[str, Any](left_out=[])

    def part(name: str, work: Callable[[], Any]) -> None:
        begun = time.monotonic()
        try:
            if bench.left_s <= 0:
                raise TimeoutError
            found[name] = work()
            say(f"{name}: {json.dumps(found[name])} ({time.monotonic() - begun:.0f} s)")
        except TimeoutError:
            found["left_out"].append(f"{name}: no time was left")
        except BenchmarkError as error:
            found["left_out"].append(f"{name}: {error}")

    for batch in plan.batches:
        part(f"reference model, batch {batch}", lambda batch=batch: bench.train(batch=batch).as_json())
    part("bandwidth", lambda: bandwidth(plan, bench.left_s))
    for count in plan.together[1:]:
        part(f"{count} trainers", lambda count=count: bench.train(count).as_json())
    part("reference model, color", lambda: bench.train(color=True).as_json())
    part(f"accuracy after {plan.learning} epochs", lambda: learnt(bench.train(epochs=plan.learning)))
    found["stacked seeds"] = stacked_seeds(plan, found, lambda name, count: part(name, lambda: stacked(bench, count)))
    say(f"stacked seeds: {json.dumps(found['stacked seeds'])}")
    return found


def stacked_seeds(plan: Plan, found: dict[str, Any], measured: Callable[[str, int], None]) -> dict[str, Any]:
    """The verdict on seeds that train in one program, each number of which is `measured` as a part of `found`."""
    if (backend := os.environ.get("KERAS_BACKEND") or "tensorflow") != "jax":
        return {"not_measured": gpu_stacked.NOT_JAX.format(backend)}
    parts = {count: f"{count} stacked seeds" for count in plan.together}
    for count, name in parts.items():
        measured(name, count)
    trainers = {count: f"{count} trainers" for count in plan.together} | {
        1: f"reference model, batch {plan.batches[0]}"
    }
    return gpu_stacked.verdict_of(found, parts, trainers)


def on_card(plan: Plan) -> dict[str, str]:
    """The variables of a process that sees the card alone."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, plan.gpus)) or "-1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def stacked(bench: Bench, count: int) -> dict[str, Any]:
    """So many seeds in one program, in a process of their own."""
    plan, source = bench.plan, bench.source
    size = {"height": plan.height, "width": plan.width, "batch": plan.batches[0], "steps": plan.steps}
    options = {"data": source.data, "cache": source.cache, "seeds": count, **size}
    words = [f"--{name}={value}" for name, value in options.items()]
    ran = run(["timeout", f"{bench.left_s:.0f}", *gpu_stacked.COMMAND, *words], on_card(plan))
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def bandwidth(plan: Plan, left_s: float) -> dict[str, Any]:
    """What the card moves at the most, and how many images a second that is."""
    command = ["timeout", f"{left_s:.0f}", *COMMAND, "--mib", "1024" if plan.gpus else "16"]
    copied: float = json.loads(run(command, on_card(plan)).stdout.splitlines()[-1])["gb_per_s"]
    image = step_bytes(plan.height, plan.width)
    return {"gb_per_s": copied, "bytes_an_image": image, "limit_images_per_s": round(copied * 1e9 / image)}


def learnt(trained: Trained) -> dict[str, Any]:
    """The accuracy of a training, by split."""
    (end,) = trained.finished
    return {split: round(measures.accuracy, 4) for split, measures in end.splits.items()} | {"train_s": end.train_s}


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--data", default="demo", metavar="DIR|demo", help="images (default: drawn ones)")
    result.add_argument("--gpu", type=int, default=0, metavar="N", help="the card, as nvidia-smi counts (%(default)s)")
    result.add_argument("--out", type=Path, default=Path("gpu.json"), metavar="FILE", help="(%(default)s)")
    result.add_argument("--short", action="store_true", help="small, on the CPU")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where a part was left out; 2 without a GPU, and for bad input."""
    args = parser().parse_args(argv)
    plan = SHORT if args.short else Plan((args.gpu,))
    with tempfile.TemporaryDirectory(prefix="benchmark-gpu-") as folder:
        cache = Path(folder, "cache")
        source = TrainerSource(Path(), cache, Path(folder, "models"))
        if not args.short and LocalExecutor(source, cache, gpus=plan.gpus).free_vram_mib() is None:
            print(NO_GPU, file=sys.stderr)
            return 2
        try:
            data, why = resolve_data(args.data, cache)
            print(f"Images: {why}", flush=True)
            bench = Bench(plan, TrainerSource(data, cache, source.output), Path(folder, "logs"))
            prepare(data, cache, [ImageSize(plan.height, plan.width, color) for color in (False, True)])
        except DataError as error:
            print(error, file=sys.stderr)
            return 2
        found = measure(bench, lambda line: print(line, flush=True))
    told = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": describe(),
        "images": why,
        "measured_on": "gpu" if plan.gpus else "cpu, in a short form: these figures say nothing of a GPU",
        "studied_work_vram_mib": STUDIED_MIB,
        **found,
    }
    text = json.dumps(told, indent=2)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if found["left_out"] else 0


if __name__ == "__main__":
    sys.exit(main())
