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
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from trainer import __version__
from trainer.command import command, refused
from trainer.config import TrainConfig
from trainer.data.options import add_data_options, data_options
from trainer.environment import noted
from trainer.errors import ConfigError, DataError
from trainer.events import Failed, Ready
from trainer.fingerprint import code_fingerprint
from trainer.gc_pause import gc_paused
from trainer.pipe import Inbox, Outbox, value_in


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
    away = result.add_argument_group("on another machine than the search")
    away.add_argument("--alive-s", type=float, metavar="S", help="say that it is alive, every so many seconds")
    away.add_argument("--silence-s", type=float, metavar="S", help="end when stdin said nothing for so many seconds")
    away.add_argument(
        "--send-models", action="store_true", help="send saved models on stdout, in place of leaving them in --output"
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
    if not args.send_models:
        return _serve_from(args, Path(args.output) if args.output else None)
    with tempfile.TemporaryDirectory(prefix="models-", ignore_cleanup_errors=True) as folder:
        return _serve_from(args, Path(folder))


def _serve_from(args: argparse.Namespace, output: Path | None) -> int:
    """Serves; models are saved in `output`."""
    outbox = Outbox(output if args.send_models else None)
    if args.alive_s:
        outbox.beat(args.alive_s)
    inbox = Inbox(Path(args.cache), output if args.send_models else None)
    reading = (args.exit_with_stdin, args.silence_s)
    threading.Thread(target=inbox.read, args=reading, name="stdin", daemon=True).start()

    from trainer.folder import resolve_data

    data, _ = resolve_data(args.data, Path(args.cache))
    from trainer.driver import Driver

    driver = Driver()  # before the backend, which may begin on the GPU as it is imported
    with gc_paused():
        from trainer.backend import device, keras, set_up, versions

        set_up(args.threads)
        from trainer.fit import Session
        from trainer.source import Source

    code = Path(args.code) if args.code else None
    session = Session(Source(data, Path(args.cache), output, data_options(args), code), driver)
    kind, name = device()
    outbox.say(
        Ready(
            backend=keras.backend.backend(),
            device=kind,
            device_name=name,
            vram_measured=session.meter.measures,
            threads=args.threads or os.cpu_count() or 1,
            pid=os.getpid(),
            versions=versions(),
            environment=noted(),
            version=__version__,
            code=code_fingerprint(),
            machine=platform.node(),
        )
    )
    while (line := inbox.lines.get()) is not None:
        if line.startswith('{"check":'):
            from trainer.own import check

            outbox.say(check.answer(line, code))
            continue
        label = value_in(line, "trial")
        try:
            session.train(TrainConfig.parse(line), outbox.say, partial(inbox.should_stop, label))
        except ConfigError as error:
            outbox.say(Failed(trial=label, kind="config", message=str(error)[:4000]))
        inbox.done(label)
    return 0


if __name__ == "__main__":
    sys.exit(main())
