"""The machines that studies can train on: tries each, and says what it has.

python -m search.hosts check                            all of hosts.toml
python -m search.hosts check --hosts lab1,lab2          these, by ssh
python -m search.hosts check --hosts lab1 --data DIR    and whether they have the same images
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from search.commands import ExitStatus, add_host_options, ended, hosts_of, new_console, new_parser
from search.executors import Connections, Found, HostSettings, TrainerSource, look_at_all
from search.executors.hosts import Refused, environment_for_looking
from trainer import __version__
from trainer.data.fingerprint import folder_fingerprint
from trainer.errors import DataError
from trainer.fingerprint import code_fingerprint


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("hosts", __doc__)
    result.add_argument("command", choices=["check"], help="try each machine, and print a table; status 1 if any fails")
    add_host_options(result)
    result.add_argument("--data", metavar="DIR", help="the images, to be compared with those of each machine")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where a machine cannot be used; 2 for bad input."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(args, new_console()))


def _main(args: argparse.Namespace, console: Console) -> int:
    hosts = hosts_of(args)
    data = Path(args.data).resolve() if args.data else None
    if data is not None and not data.is_dir():
        raise DataError(f"--data {data}: no such folder")
    here = folder_fingerprint(data) if data else None
    source = TrainerSource(data, Path("runs/cache").absolute(), Path()) if data else None
    connections = Connections()
    try:
        found = look_at_all(hosts, connections, source)
        with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            images = list(pool.map(lambda machine: _images(machine, connections), found))
            list(pool.map(connections.forget, hosts))
    finally:
        connections.close()
    problems = [f"{machine.host.name}: {problem}" for machine in found for problem in machine.problems]
    for machine, theirs in zip(found, images, strict=True):
        if here and theirs and theirs != here:
            problems.append(
                f"{machine.host.name}: other images than this machine: {theirs} there, {here} here. Copy them: "
                f"rsync -a --delete {shlex.quote(str(data))}/ {machine.host.name}:{shlex.quote(machine.data)}/"
            )
    console.print(_table(found, images, here), highlight=False)
    for problem in problems:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    return ExitStatus.INCOMPLETE if problems else ExitStatus.DONE


def _images(machine: Found, connections: Connections) -> str:
    """The fingerprint of a machine's images; empty where it has none, or cannot be used."""
    if machine.problems or not machine.data:
        return ""
    program = (
        "import json, sys; from pathlib import Path; from trainer.data.fingerprint import folder_fingerprint; "
        "print(json.dumps(folder_fingerprint(Path(sys.argv[1]))))"
    )
    try:
        told = connections.run(machine.host, [*environment_for_looking(machine), "-c", program, machine.data])
        return str(json.loads(told.splitlines()[-1]))
    except (Refused, ValueError, IndexError):
        return "cannot be read"


def _table(found: Sequence[Found], images: Sequence[str], here: str | None) -> Table:
    trainer = f"{__version__} ({code_fingerprint()})"
    table = Table(title=f"Trainer {trainer}" + (f"; images here: {here}" if here else ""), title_justify="left")
    for column in ("machine", "reachable", "Python", "Keras backend", "cores", "GPUs", "images", "trainer"):
        table.add_column(column, overflow="fold")
    for machine, theirs in zip(found, images, strict=True):
        host: HostSettings = machine.host
        gpus = ", ".join(machine.gpus) or "none"
        data = f"{machine.data} ({theirs})" if theirs else machine.data or "not asked"
        known = machine.machine != ""
        row = ("yes", machine.python, machine.backend, str(machine.cores), gpus, data) if known else ("no", *[""] * 5)
        table.add_row(host.name, *row, "sent" if known and not machine.problems else "")
    return table


if __name__ == "__main__":
    sys.exit(main())
