"""What the controllers of this user have taken of this machine: cores, GPUs and memory, a file for each controller.

A lease is a file in a folder of this user, locked by the process that holds it. The operating system frees the lock
when that process is gone, however it went, and whoever looks next removes the file: a lease cannot outlive its holder.
Controllers in containers, and those of other users, keep theirs elsewhere and are not counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import secrets
import stat
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

FOLDER = "SEARCH_LEASES_DIR"  # the variable
# Of a slot: TensorFlow with its images and graphs takes about 1.5 GB.
LEAST_MIB = 1536


@dataclass(frozen=True)
class Capacity:
    """What an executor may use of this machine.

    Attributes:
        cores: CPU cores that this process may use.
        threads: of a slot on the CPU.
        gpus: indexes of the GPUs that slots may use; empty: the CPU.
        slots_per_gpu: how many slots share one; None: a controller has a GPU for itself, and finds out.
        memory_mib: what slots are promised together, all controllers counted; None: they are promised nothing.
        places: how many slots the whole machine takes, whoever has them; each is promised its part of the memory.
    """

    cores: int
    threads: int = 1
    gpus: tuple[int, ...] = ()
    slots_per_gpu: int | None = 1
    memory_mib: int | None = None
    places: int = 1


@dataclass(frozen=True)
class Share:
    """What a controller has of the machine.

    Attributes:
        slots: how many it may start.
        gpus: the GPU of each, in turn; empty: the CPU.
        memory_mib: what each is promised; None: nothing.
    """

    slots: int
    gpus: tuple[int, ...] = ()
    memory_mib: int | None = None


@dataclass(frozen=True)
class Lease:
    """What another controller has.

    Attributes:
        study: that it works on.
        pid: its process.
        slots: how many it may start.
        threads: on the CPU, of all its slots.
        gpus: the GPU of each slot.
        memory_mib: what its slots are promised, together.
        since: when it took them, for people.
        alone: whether it has its GPUs for itself.
    """

    study: str
    pid: int
    slots: int
    threads: int = 0
    gpus: tuple[int, ...] = ()
    memory_mib: int = 0
    since: str = ""
    alone: bool = False

    def __str__(self) -> str:
        what = f"GPU {', '.join(map(str, sorted(set(self.gpus))))}" if self.gpus else _counted(self.threads, "core")
        return f"{self.study} (process {self.pid}, since {self.since}) has {what}"


def share_of(capacity: Capacity, others: Sequence[Lease], wanted: int) -> Share:
    """What is left for a controller that wants so many slots; where nobody else is, as many as it wants.

    Args:
        capacity: of the executor.
        others: what other controllers have.
        wanted: slots.
    """
    taken = Counter(gpu for lease in others for gpu in lease.gpus)
    full = {gpu for lease in others if lease.alone for gpu in lease.gpus}
    if capacity.gpus and capacity.slots_per_gpu is None:
        gpus = tuple(gpu for gpu in capacity.gpus if not taken[gpu])
        # One a GPU that is left at least; else in proportion, so that --wait waits for all of them.
        slots = min(wanted, max(len(gpus), math.ceil(wanted * len(gpus) / len(capacity.gpus))))
    elif capacity.gpus:
        each = capacity.slots_per_gpu or 1
        free = [
            gpu for number in range(each) for gpu in capacity.gpus if taken[gpu] + number < each and gpu not in full
        ]
        alone = not any(taken[gpu] for gpu in capacity.gpus)
        slots, gpus = (wanted, capacity.gpus) if alone else (min(wanted, len(free)), tuple(free))
    else:
        busy = sum(lease.threads for lease in others)
        slots, gpus = (min(wanted, max(0, capacity.cores - busy) // capacity.threads) if busy else wanted), ()
    if capacity.memory_mib is None or not slots:
        return Share(slots, gpus)
    left_mib = capacity.memory_mib - sum(lease.memory_mib for lease in others)
    if others:
        slots = max(0, min(slots, left_mib // LEAST_MIB))
    each_mib = capacity.memory_mib // max(capacity.places, slots)
    return Share(slots, gpus, min(each_mib, left_mib // slots) if slots else None)


class Leases:
    """The leases of this user on this machine.

    Args:
        folder: of the files; None: `$SEARCH_LEASES_DIR`, else one under /tmp, which processes started by a login, by
            cron or by a service have in common (XDG_RUNTIME_DIR is a login's, and goes with it).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(os.environ.get(FOLDER) or f"/tmp/blood-cell-search-{os.getuid()}")

    def others(self) -> list[Lease]:
        """What other controllers have, oldest first. Leases of processes that are gone are removed.

        Raises:
            OSError: the folder cannot be used.
        """
        self._prepare()
        with self._alone():
            return self._read()

    @contextlib.contextmanager
    def taken(self, study: str, capacity: Capacity, wanted: int, *, all_of_it: bool) -> Iterator[Share | None]:
        """Within, what is left is this process's, as far as it is wanted; None: nothing was taken.

        Args:
            study: for people.
            capacity: of the executor.
            wanted: slots.
            all_of_it: whether fewer slots than are wanted will not do.

        Raises:
            OSError: the folder cannot be used.
        """
        self._prepare()
        file: IO[str] | None = None
        with self._alone():
            share = share_of(capacity, self._read(), wanted)
            if share.slots and (share.slots >= wanted or not all_of_it):
                file = self._write(study, capacity, share)
        if file is None:
            yield None
            return
        try:
            yield share
        finally:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            file.close()

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{self._folder} is not a folder of this user's")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Within, no other controller counts or takes."""
        with open(self._folder / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, study: str, capacity: Capacity, share: Share) -> IO[str]:
        gpus = [share.gpus[number % len(share.gpus)] for number in range(share.slots)] if share.gpus else []
        lease = Lease(
            study=study,
            pid=os.getpid(),
            slots=share.slots,
            threads=0 if gpus else share.slots * capacity.threads,
            gpus=tuple(gpus),
            memory_mib=share.slots * (share.memory_mib or 0),
            since=time.strftime("%Y-%m-%d %H:%M"),
            alone=bool(gpus) and capacity.slots_per_gpu is None,
        )
        file = open(self._folder / f"{os.getpid()}-{secrets.token_hex(4)}.json", "w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(asdict(lease)))
        file.flush()
        return file

    def _read(self) -> list[Lease]:
        found = []
        for path in sorted(self._folder.glob("*.json"), key=_age):
            with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    path.unlink()  # its holder is gone
                except BlockingIOError:
                    with contextlib.suppress(ValueError, TypeError):
                        values = json.loads(file.read())
                        found.append(Lease(**{**values, "gpus": tuple(values["gpus"])}))
        return found


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def no_room(capacity: Capacity, others: Sequence[Lease], wanted: int) -> str:
    """What there is to say where nothing is left, or less than must be."""
    what = f"GPU {', '.join(map(str, capacity.gpus))}" if capacity.gpus else f"{_counted(capacity.cores, 'core')}"
    left = share_of(capacity, others, wanted).slots
    return (
        f"There is no room for {_counted(wanted, 'slot')} on {what} of this machine, {left or 'none'} left: "
        f"{'; '.join(map(str, others))}."
    )


def room_in_words(share: Share, others: Sequence[Lease], wanted: int) -> str:
    """What there is to say where fewer slots than wanted are left; empty where all are."""
    if share.slots >= wanted:
        return ""
    return f"{share.slots} of {_counted(wanted, 'slot')}, for {'; '.join(map(str, others))}."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
