"""Trains what it is told.

As a slot of the search it reads one TrainConfig a line as JSON on stdin and writes events a line on stdout; logs go to
stderr. The line {"stop": "TRIAL"} ends the training of that label after its epoch, and {"check": ...} asks whether code
of one's own can be trained (`trainer.own.check`). By hand it trains one config with a
progress bar:

    echo '{"epochs": 40}' > config.json
    python -m trainer --config config.json --data DIR
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

from trainer.command import command, refused
from trainer.config import TrainConfig
from trainer.data.options import add_data_options, data_options
from trainer.environment import noted
from trainer.errors import ConfigError, DataError
from trainer.events import Checked, Event, Failed, Ready
from trainer.gc_pause import gc_paused


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m trainer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--config", metavar="FILE", help="train this config (JSON) by hand, with a progress bar")
    result.add_argument("--data", metavar="DIR", help="folder with TRAIN/ and TEST/, or `demo`")
    result.add_argument("--cache", metavar="DIR", default="runs/cache", help="folder of decoded images (%(default)s)")
    result.add_argument("--output", metavar="DIR", help="folder for saved models (default: none is saved)")
    result.add_argument("--code", metavar="DIR", help="folder of code of one's own (default: the working directory)")
    result.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: the backend's choice)")
    add_data_options(result)
    result.add_argument(
        "--exit-with-stdin", action="store_true", help="end at once when stdin closes, also in the middle of a training"
    )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, 1 where a training by hand failed, 2 for bad input."""
    args = parser().parse_args(argv)
    if args.threads is not None:
        if args.threads < 1:
            print(f"--threads {args.threads}: at least 1", file=sys.stderr)
            return 2
        os.environ["TRAINER_THREADS"] = str(args.threads)
    try:
        if args.config:
            from trainer.standalone import train_standalone

            with command():
                return train_standalone(args)
        return _serve(args)
    except (ConfigError, DataError) as error:
        print(error, file=sys.stderr)
        return 2
    except PermissionError as error:
        print(refused(error), file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the events is gone
        os._exit(1)
    except KeyboardInterrupt:
        return 130


def _serve(args: argparse.Namespace) -> int:
    out = _private_stdout()
    inbox = _Inbox()
    threading.Thread(target=inbox.read, args=(args.exit_with_stdin,), name="stdin", daemon=True).start()

    from trainer.folder import resolve_data

    data, _ = resolve_data(args.data, Path(args.cache))
    from trainer.driver import Driver

    driver = Driver()  # before the backend, which may begin on the GPU as it is imported
    with gc_paused():
        from trainer.backend import device, keras, set_up, versions

        set_up(args.threads)
        from trainer.fit import Session
        from trainer.source import Source

    output = Path(args.output) if args.output else None
    code = Path(args.code) if args.code else None
    session = Session(Source(data, Path(args.cache), output, data_options(args), code), driver)

    def emit(event: Event | Checked) -> None:
        out.write(event.model_dump_json() + "\n")
        out.flush()

    kind, name = device()
    emit(
        Ready(
            backend=keras.backend.backend(),
            device=kind,
            device_name=name,
            vram_measured=session.meter.measures,
            threads=args.threads or os.cpu_count() or 1,
            pid=os.getpid(),
            versions=versions(),
            environment=noted(),
        )
    )
    while (line := inbox.lines.get()) is not None:
        if _asks_for_check(line):
            from trainer.own import check

            emit(check.answer(line, code))
            continue
        label = _value(line, "trial")
        try:
            session.train(TrainConfig.parse(line), emit, partial(inbox.should_stop, label))
        except ConfigError as error:
            emit(Failed(trial=label, kind="config", message=str(error)[:4000]))
        inbox.done(label)
    return 0


def _private_stdout() -> IO[str]:
    """The real stdout, kept for events: from now on what a library prints goes to stderr."""
    sys.stdout.flush()
    mine = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mine


class _Inbox:
    """What comes on stdin: configs in their order, and which of them should stop.

    One thread reads, another trains. A stop counts for the training of that label that runs or waits; one that comes
    after its end is forgotten, so that the same label can be trained again.
    """

    def __init__(self) -> None:
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._open: Counter[str] = Counter()
        self._stopped: set[str] = set()
        self._lock = threading.Lock()

    def read(self, exit_at_end: bool) -> None:
        with open(os.dup(0), "rb") as stdin:  # not sys.stdin, whose lock a waiting thread would hold at the end
            for raw in stdin:
                if line := raw.decode("utf-8", "replace").strip():
                    self._take(line)
        if exit_at_end:
            os._exit(0)  # the controller is gone: nobody wants this training's result
        self.lines.put(None)

    def _take(self, line: str) -> None:
        stop = _value(line, "stop")
        with self._lock:
            if stop:
                self._stopped |= {stop} & self._open.keys()
                return
            self._open[_value(line, "trial")] += 1
        self.lines.put(line)

    def should_stop(self, label: str) -> bool:
        with self._lock:
            return label in self._stopped

    def done(self, label: str) -> None:
        with self._lock:
            self._stopped.discard(label)
            self._open -= Counter([label])  # which forgets a label at 0


def _asks_for_check(line: str) -> bool:
    return line.startswith('{"check":')


def _value(line: str, key: str) -> str:
    """A string in a JSON object that may be no object, or no JSON; empty where it is not there."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    value = found.get(key, "") if isinstance(found, dict) else ""
    return value[:200].encode("utf-8", "replace").decode() if isinstance(value, str) else ""  # half a pair of JSON's \u


if __name__ == "__main__":
    sys.exit(main())
