"""Executors: what starts trainers. One contract (`_base`), a file an executor."""

from search.executors._base import (
    Executor,
    Mail,
    Mailbox,
    Slot,
    SlotExit,
    SlotLine,
    TrainerSource,
    Wake,
    log_tail,
)
from search.executors._docker import DockerExecutor
from search.executors._local import LocalExecutor

__all__ = [
    "DockerExecutor",
    "Executor",
    "LocalExecutor",
    "Mail",
    "Mailbox",
    "Slot",
    "SlotExit",
    "SlotLine",
    "TrainerSource",
    "Wake",
    "log_tail",
]
