"""What a trial costs each executor on the way: no-op trials one after another, and on several slots at once.

    python -m benchmarks.executors --data DIR                                   local processes
    python -m benchmarks.executors --data DIR --hosts lab1 --slots 1 4          and a machine over ssh
    python -m benchmarks.executors --data DIR --ray auto --image NAME           and a Ray cluster, and containers
    python -m benchmarks.executors --data DIR --losses                          and what is noticed of a loss, and when

The trainer (`tests/search/noop_trainer.py`) answers each config at once, with events as long as those of the public
image set. A machine, a node or an image must have this checkout, and this Python, at the same paths.

`--losses` kills trainers of this machine from outside, each as soon as it is ready, and takes the time until the
executor tells its exit.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from search.executors import (
    DockerExecutor,
    Executor,
    HostsExecutor,
    LocalExecutor,
    RayExecutor,
    Resources,
    Slot,
    SlotExit,
    SlotLine,
    TrainerSource,
    chosen_hosts,
)
from tests.search import noop_trainer
from trainer.config import TrainConfig

SIZE = ("--size", "public")
COMMAND = (*noop_trainer.COMMAND, *SIZE)
IN_AN_IMAGE = ("python", "/noop_trainer.py", *SIZE)
Make = Callable[[TrainerSource, Path], Executor]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.executors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--data", type=Path, required=True, metavar="DIR", help="its classes are counted, nothing else")
    result.add_argument("--hosts", metavar="NAME,...", help="machines over ssh")
    result.add_argument("--hosts-file", metavar="FILE", help="what is to be known of them (default: hosts.toml)")
    result.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster, as `auto`")
    result.add_argument("--image", metavar="NAME", help="of the trainers, for containers of this machine")
    result.add_argument("--losses", action="store_true", help="how soon an executor tells the loss of a trainer")
    result.add_argument("--slots", type=int, nargs="+", default=[1, 4], metavar="N", help="at once (1 4)")
    result.add_argument("--trials", type=int, default=500, metavar="N", help="of each measure (%(default)s)")
    return result


class Measure:
    """Slots of one executor, each of which gets a trial as soon as it has finished one."""

    def __init__(self, executor: Executor, slots: int) -> None:
        self.mailbox: queue.SimpleQueue[SlotLine | SlotExit] = queue.SimpleQueue()
        begun = time.perf_counter()
        self.slots = [executor.start(number, self.mailbox) for number in range(slots)]
        waiting = set(self.slots)
        while waiting:
            waiting.discard(self._line(b'"event":"ready"'))
        self.start_s = time.perf_counter() - begun

    def _line(self, part: bytes) -> Slot:
        """The slot that says the next line with this in it."""
        while True:
            mail = self.mailbox.get(timeout=120)
            if isinstance(mail, SlotExit):
                raise RuntimeError(f"slot {mail.slot.number} {mail.reason}; its log is {mail.slot.log}")
            if part in mail.line[:100]:
                return mail.slot

    def trial_s(self, trials: int) -> list[float]:
        """Seconds from a config to its `finished`, on the first slot, one after another."""
        found = []
        for number in range(trials):
            begun = time.perf_counter()
            self.slots[0].send(_config(number))
            self._line(b'"event":"finished"')
            found.append(time.perf_counter() - begun)
        return found

    def trials_per_s(self, trials: int) -> float:
        """Of all slots together."""
        begun = time.perf_counter()
        for number, slot in enumerate(self.slots):
            slot.send(_config(number))
        for number in range(trials):
            slot = self._line(b'"event":"finished"')
            if number + len(self.slots) < trials:
                slot.send(_config(number))
        return trials / (time.perf_counter() - begun)


def _config(number: int) -> str:
    return TrainConfig(trial=f"t-{number}", epochs=1).model_dump_json()


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    args = parser().parse_args(argv)
    makes: dict[str, Make] = {
        "local": lambda source, logs: LocalExecutor(source, logs, gpus=[], command=COMMAND),
    }
    if args.hosts or args.hosts_file:
        hosts = chosen_hosts(args.hosts, args.hosts_file)
        makes["hosts"] = lambda source, logs: HostsExecutor(source, logs, hosts, Resources(gpus=()), command=COMMAND)
    if args.ray:
        makes["ray"] = lambda source, logs: RayExecutor(
            source, logs, Resources(gpus=()), address=args.ray, cache=str(source.cache), command=COMMAND
        )
    if args.image:
        makes["docker"] = lambda source, logs: DockerExecutor(
            source, logs, image=args.image, gpus=[], command=IN_AN_IMAGE
        )
    table = Table("executor", "slots", "all slots ready after", "a trial, median", "90th percentile", "trials/s")
    with tempfile.TemporaryDirectory() as folder:
        source = TrainerSource(args.data.resolve(), Path(folder, "cache"), Path(folder, "models"))
        for name, make in makes.items():
            for slots in args.slots:
                with make(source, Path(folder, "logs")) as executor:
                    executor.check()
                    measure = Measure(executor, slots)
                    each = sorted(measure.trial_s(args.trials))
                    median, slow = statistics.median(each) * 1000, each[int(0.9 * len(each))] * 1000
                    rate = measure.trials_per_s(args.trials * slots)
                    row = (f"{measure.start_s:.2f} s", f"{median:.2f} ms", f"{slow:.2f} ms", f"{rate:,.0f}")
                table.add_row(name, str(slots), *row)
    Console(width=100).print(table)
    if args.losses:
        Console(width=100).print(losses(makes, args.data.resolve()))
    return 0


def losses(makes: dict[str, Make], data: Path, repeats: int = 5) -> Table:
    """Seconds from the kill of a trainer to its exit, and how it is told. A trainer tells its process's id.

    Raises:
        psutil.NoSuchProcess: trainers are not of this machine.
    """
    table = Table("executor", "loss", "noticed after, median", "the longest", "told as")
    with tempfile.TemporaryDirectory() as folder:
        source = TrainerSource(data, Path(folder, "cache"), Path(folder, "models"))
        for name, make in makes.items():
            found, told = [], ""
            with make(source, Path(folder, "logs")) as executor:
                executor.check()
                for _ in range(repeats):
                    mailbox: queue.SimpleQueue[SlotLine | SlotExit] = queue.SimpleQueue()
                    executor.start(0, mailbox)
                    while isinstance(mail := mailbox.get(timeout=120), SlotLine):
                        if b'"event":"ready"' in mail.line[:100]:
                            psutil.Process(json.loads(mail.line)["pid"]).kill()
                            begun = time.perf_counter()
                    found.append(time.perf_counter() - begun)
                    told = mail.reason
            table.add_row(name, "trainer killed", f"{statistics.median(found):.3f} s", f"{max(found):.3f} s", told)
    return table


if __name__ == "__main__":
    sys.exit(main())
