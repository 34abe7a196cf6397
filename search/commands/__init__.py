"""What the commands of the search share: flags, checks, exit statuses, and how an error ends one.

study_flags.py  the flags that change a study
dry_run.py      what a run would do, and whether it could begin
notify.py       the command that is told how a study ended
catalogue.py    the studies of the folder of runs, of Optuna and of MLflow, brought together
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING

from rich.console import Console

from search.console.progress import WIDTH
from search.environment import Environment, chosen, gpus_of
from search.errors import SearchError, SettingsError
from search.executors import (
    EXECUTORS,
    HostSettings,
    HostsExecutor,
    RayExecutor,
    Resources,
    chosen_hosts,
    executors_in_words,
)
from trainer.command import command, refused
from trainer.errors import DataError
from trainer.outside import typed

if TYPE_CHECKING:
    from argparse import _ArgumentGroup as Group  # argparse has no public name for it


class ExitStatus(IntEnum):
    """How a command ended."""

    DONE = 0
    INCOMPLETE = 1  # trials failed, or a store does not know everything
    BAD_INPUT = 2  # the user must mend something; argparse ends so too
    INTERRUPTED = 130  # 128 and the number of SIGINT, as in shells


def new_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m search.NAME`; its description is printed as it stands."""
    return argparse.ArgumentParser(
        prog=typed(f"search.{name}"),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_runs_option(where: argparse.ArgumentParser | Group) -> None:
    """Adds the flag `--runs`."""
    where.add_argument("--runs", metavar="DIR", help="folder of everything embedded ($SEARCH_RUNS_DIR, else runs)")


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """The flags that `environment_of` takes its places from."""
    where = parser.add_argument_group("where things are (where no stack is up, everything is in the folder of runs)")
    add_runs_option(where)
    where.add_argument("--storage-url", metavar="URL", help="Optuna's database (else $SEARCH_STORAGE_URL, the stack)")
    where.add_argument("--tracking-uri", metavar="URI", help="MLflow's store (else $MLFLOW_TRACKING_URI, the stack)")
    where.add_argument("--no-stack", action="store_true", help="leave the stack of docker-compose.yml alone")


def add_slot_options(where: Group) -> None:
    """The flags that `resources_of` reads, and `--executor`."""
    where.add_argument(
        "--executor",
        choices=list(EXECUTORS),
        help=f"what starts trainers: {executors_in_words()}; default: docker where the stack of docker-compose.yml is "
        "up, else local",
    )
    add_host_options(where)
    where.add_argument(
        "--ray-address", metavar="HOST:PORT|auto", help="the Ray cluster's head (default: auto, as Ray finds it)"
    )
    where.add_argument(
        "--slots", type=int, metavar="N", help="trainers at once (default: what a GPU has room for, or one a core)"
    )
    where.add_argument("--gpus", metavar="all|none|0,2", help="GPUs to use, by index (default: all)")
    where.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of a trainer (%(default)s)")


def add_host_options(where: argparse.ArgumentParser | Group) -> None:
    """The flags that name machines; `hosts_of` reads them."""
    where.add_argument("--hosts", metavar="NAME[:SLOTS],...", help="train on these machines, by ssh: lab1,lab2:2")
    where.add_argument("--hosts-file", metavar="FILE", help="what is to be known of them (default: hosts.toml)")


def hosts_of(args: argparse.Namespace) -> tuple[HostSettings, ...]:
    """The machines that the flags name.

    Raises:
        SettingsError: a name, or the file, cannot be used; lists every mistake.
    """
    return chosen_hosts(args.hosts, args.hosts_file)


def check_at_least_one(args: argparse.Namespace, *flags: str) -> None:
    """Flags whose number, where it is given, must be 1 or more.

    Raises:
        SettingsError: one is not.
    """
    for flag in flags:
        if getattr(args, flag) is not None and getattr(args, flag) < 1:
            raise SettingsError(f"--{flag.replace('_', '-')} {getattr(args, flag)}: at least 1")


def resources_of(args: argparse.Namespace) -> Resources:
    """What slots may have.

    Raises:
        SettingsError: a flag is not what it may be.
    """
    return Resources(
        args.slots, args.threads, gpus_of(args.gpus), slots_per_gpu_of(getattr(args, "slots_per_gpu", "auto"))
    )


def slots_per_gpu_of(text: str) -> int | None:
    """`--slots-per-gpu`: None for `auto`.

    Raises:
        SettingsError: it is neither that nor a number.
    """
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise SettingsError(f"--slots-per-gpu {text}: allowed are auto, or a number of at least 1")
    return int(text)


def environment_of(args: argparse.Namespace) -> Environment:
    """The places and the executor that the flags ask for; a command without `--executor` starts no trainer.

    Raises:
        SearchError: the stack is up in part, or what was asked for cannot be used.
    """
    executor = args.executor if hasattr(args, "executor") else "local"
    hosts: tuple[HostSettings, ...] = ()
    if executor == HostsExecutor.name or getattr(args, "hosts", None):
        if executor not in (None, HostsExecutor.name):
            raise SettingsError(f"--hosts {args.hosts}: goes with --executor hosts, not with --executor {executor}")
        executor, hosts = HostsExecutor.name, hosts_of(args)
    ray_address = getattr(args, "ray_address", None)
    if ray_address:
        if executor not in (None, RayExecutor.name):
            raise SettingsError(
                f"--ray-address {ray_address}: goes with --executor ray, not with --executor {executor}"
            )
        executor = RayExecutor.name
    found = chosen(args.runs, args.storage_url, args.tracking_uri, executor, stack=not args.no_stack)
    return replace(found, hosts=hosts, ray_address=ray_address or "auto")


def add_question_options(parser: argparse.ArgumentParser) -> None:
    """The flags of a command that deletes: `confirmed` reads the first."""
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")


def confirmed(question: str, yes: bool) -> bool:
    """Whether the user wants what was listed to be deleted; asks where `--yes` does not say so.

    Raises:
        SettingsError: nobody can be asked.
    """
    if yes:
        return True
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, RuntimeError):  # no standard input
        print()
        raise SettingsError("Nothing was deleted, for nobody answered; --yes asks nothing") from None
    if answer.strip().lower() not in ("y", "yes"):
        print("Nothing was deleted.")
        return False
    return True


def new_console() -> Console:
    """As wide as the terminal; in a log, as wide as its lines."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def ended(work: Callable[[], int]) -> int:
    """Does the work of a command. Returns its exit status; what the user must mend is printed without a traceback."""
    with command():
        return _ended(work)


def _ended(work: Callable[[], int]) -> int:
    try:
        return work()
    except (SearchError, DataError) as error:
        print(error, file=sys.stderr)
        return ExitStatus.BAD_INPUT
    except PermissionError as error:
        print(refused(error), file=sys.stderr)
        return ExitStatus.BAD_INPUT
    except KeyboardInterrupt:  # before there was anything to put in order
        print("Interrupted.", file=sys.stderr)
        return ExitStatus.INTERRUPTED
