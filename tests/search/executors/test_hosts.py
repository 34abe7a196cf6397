"""The hosts executor: the suite of all executors over a real ssh on loopback, and what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.executors import Executor, HostsExecutor, Resources, TrainerSource
from tests.search import noop_trainer
from tests.search.executors.conformance import ExecutorSuite, config
from tests.search.noop_trainer import SEEDS
from tests.sshd import Sshd, running_sshd

SCRIPT = """
import json, queue, sys
from pathlib import Path
from search.executors import HostsExecutor, HostSettings, SlotLine, TrainerSource
from trainer.events import Alive, Ready, parse

source = TrainerSource(*map(Path, {folders!r}))
host = HostSettings.model_validate_json({host!r})
executor = HostsExecutor(source, Path({logs!r}), [host], command={command!r})
mailbox = queue.SimpleQueue()
slots = [executor.start(number, mailbox) for number in range(2)]
slots[0].send({config!r})
pids = set()
started = False
while len(pids) < 2 or not started:
    event = parse(mailbox.get().line)
    if isinstance(event, Ready):
        pids.add(event.pid)
    elif not isinstance(event, Alive):
        started = True
print(json.dumps(sorted(pids)), flush=True)
while True:
    mailbox.get()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


class TestHostsExecutor(ExecutorSuite):
    @pytest.fixture(autouse=True)
    def _server(self, server: Sshd) -> None:
        self.server = server

    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        host = self.server.host(source.cache)
        return HostsExecutor(source, logs, [host], Resources(gpus=()), command=command or noop_trainer.COMMAND)

    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        return SCRIPT.format(
            folders=[str(source.data), str(source.cache), str(source.output)],
            host=self.server.host(source.cache).model_dump_json(),
            logs=str(logs),
            command=list(noop_trainer.COMMAND),
            config=config(seed=SEEDS["hang"]),
        )
