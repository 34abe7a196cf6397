"""A trainer that trains nothing: the real protocol, made-up measures that follow from the config, faults on request.

    python tests/search/noop_trainer.py --data DIR --cache DIR --output DIR --exit-with-stdin

It imports neither Keras nor NumPy, starts in a moment, and takes well under a millisecond a trial, so that tests and
benchmarks see what the search itself costs.

Faults are asked for by a config's seed, which works in every executor (`SEEDS`), or by the environment variable
NOOP_TRAINER, a JSON object:

    faults    {"SEED": KIND or [KIND, EPOCH] or [KIND, EPOCH, TIMES]}; "*" is any seed. At the start of that epoch (1),
              only so many times over all processes (needs `marks`)
    start     "exit": ends before it is ready; "hang": is never ready; "protocol": of another version
    marks     a folder, to count in
    gate      a file; each training waits, after `started`, while somebody holds an exclusive flock on it
    steps     true: after each epoch the training waits on stdin for {"step": TRIAL} or {"stop": TRIAL}
    gpu       true: VRAM is measured; "mute": the allocator does not say its peak
    speed     a file with the images/s that it tells; else 80,000
    device    its name, as it is told
    backend   Keras's, as it is told
    traced    false: no graph is said to be new
    images    the fingerprint that it says it found
    code      the fingerprint of its code, as it is told
    models    true: a file is saved for each trial
    wrong     problems that it finds with code of one's own; else it finds none. "exit": it ends in place of an answer;
              "hang": it never answers

With `--size public` its last events are as long as those of the public image set, for benchmarks.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import platform
import random
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer import __version__
from trainer.config import TrainConfig
from trainer.environment import noted
from trainer.errors import ConfigError
from trainer.events import (
    PROTOCOL,
    Checked,
    Epoch,
    Event,
    Failed,
    Finished,
    ModelLayer,
    ModelSummary,
    PhotoCount,
    Ready,
    SplitMeasures,
    SplitName,
    Started,
    Stopped,
)
from trainer.fingerprint import code_fingerprint
from trainer.pipe import GONE_STATUS, Inbox, Outbox, lines_of

VARIABLE = "NOOP_TRAINER"
COMMAND = (sys.executable, __file__)
LARGE_BYTES = 10_000_000

# The public set: 9,957 images of 277 photographs in TRAIN, a fifth of them for validation; 2,487 of 71 in TEST.
PUBLIC_IMAGES: dict[SplitName, int] = {"train": 7965, "val": 1992, "test": 2487}
PUBLIC_PHOTOGRAPHS: dict[SplitName, int] = {"train": 222, "val": 55, "test": 71}
WRONG = 0.4  # the share of the test images that the reference model gets wrong

# kinds of faults, and the seeds that ask for each at the start of the first epoch
KINDS = (
    "kill",  # ends by SIGKILL
    "exit",  # ends with status 3 and words on stderr
    "hang",  # says nothing more, but that it lives
    "freeze",  # stops as a whole, by SIGSTOP
    "garbage",  # writes what is no event, and goes on
    "stray",  # speaks of a trial that nobody asked for, and goes on
    "large",  # an event of 10 MB, and goes on
    "environment",  # the names of its environment variables on stderr, and goes on
    "out_of_memory",
    "not_finite",
    "error",
    "disk",
    "data",
    "until_stopped",  # waits for {"stop": TRIAL}
)
SEEDS = {kind: 2**31 - len(KINDS) + place for place, kind in enumerate(KINDS)}  # the last; no search draws them
GARBAGE = (b"\n", b"half a line {\n", b'{"event": "epoch"}\n', b"\xff\xfe\x00\n", b"[" * 10_000 + b"\n", b'"\xc3"\n')


def expected(config: TrainConfig) -> dict[str, float]:
    """The accuracies that a training of this config ends with, by split."""
    away = abs(math.log10(config.learning_rate) + 3)  # best at 0.001
    noise = random.Random(config.model_copy(update={"trial": ""}).model_dump_json()).uniform(-0.02, 0.02)
    val = max(0.05, 0.8 - 0.15 * away - 0.1 * config.dropout_rate - 0.02 * abs(config.depth - 4) + noise)
    return {"train": min(1.0, val + 0.15), "val": val, "test": val - 0.04}


def parameters(config: TrainConfig) -> int:
    """As made up as the rest; more blocks, more parameters."""
    return 1000 * config.depth + round(100 * config.width)


def epoch_accuracy(config: TrainConfig, epoch: int) -> float:
    """Validation accuracy at the end of an epoch, from 1."""
    return expected(config)["val"] * (1 - math.exp(-3 * epoch / config.epochs))


class Noop:
    """One process."""

    def __init__(
        self,
        data: str | None,
        output: str | None,
        exit_with_stdin: bool,
        cache: str = "",
        alive_s: float | None = None,
        silence_s: float | None = None,
        send_models: bool = False,
        public: bool = False,
    ) -> None:
        folder = Path(data or "", "TRAIN")
        self._classes = len(os.listdir(folder)) if folder.is_dir() else 2
        self._public = _public_splits(self._classes) if public else None
        self._output, self._exit_with_stdin = output, exit_with_stdin
        self._settings: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
        self._inbox_silence_s = silence_s
        self._records = Inbox(Path(cache))
        if send_models:
            self._output = f"{cache}/models-{os.getpid()}"
        self._stdout = os.dup(1)
        self._out = Outbox(Path(self._output) if send_models and self._output else None)
        if alive_s:
            self._out.beat(alive_s)
        self._heard = threading.Condition()
        self._configs: list[str | None] = []
        self._stopped: set[str] = set()
        self._steps: dict[str, int] = {}

    def serve(self) -> int:
        start = self._settings.get("start")
        if start == "exit":
            print("noop: made-up failure before ready", file=sys.stderr, flush=True)
            return 3
        threading.Thread(target=self._read, daemon=True).start()
        if start == "hang":
            signal.pause()
        gpu = bool(self._settings.get("gpu"))
        print("noop: ready", file=sys.stderr, flush=True)
        self._emit(
            Ready(
                protocol=PROTOCOL + 1 if start == "protocol" else PROTOCOL,
                backend=self._settings.get("backend", "noop"),
                device="gpu" if gpu else "cpu",
                device_name=self._settings.get("device", "none"),
                vram_measured=gpu,
                threads=1,
                pid=os.getpid(),
                versions={"noop": "1"},
                environment=noted(),
                version=__version__,
                code=self._settings.get("code", code_fingerprint()),
                machine=platform.node(),
            )
        )
        while (line := self._next()) is not None:
            if line.startswith('{"check":'):
                self._check(json.loads(line)["check"])
                continue
            try:
                config = TrainConfig.parse(line)
            except ConfigError as error:
                self._emit(Failed(trial="", kind="config", message=str(error)))
                continue
            last = self._train(config)
            self._emit(last)
            if isinstance(last, Failed) and last.kind == "out_of_memory":
                print("noop: out of memory", file=sys.stderr, flush=True)
        return 0

    # -- stdin and stdout --------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for raw in lines_of(os.dup(0), self._inbox_silence_s):
            if raw is None:
                print("noop: the controller is silent", file=sys.stderr, flush=True)
                os._exit(GONE_STATUS)
            line = raw.decode("utf-8", "replace").strip()
            try:
                said = json.loads(line)
            except ValueError:
                said = {}
            with self._heard:
                if isinstance(said, dict) and "stop" in said:
                    self._stopped.add(said["stop"])
                    print(f"noop: told to stop {said['stop']}", file=sys.stderr, flush=True)
                elif isinstance(said, dict) and "step" in said:
                    self._steps[said["step"]] = self._steps.get(said["step"], 0) + 1
                elif isinstance(said, dict) and ("alive" in said or "record" in said):
                    self._records.take(line)
                else:
                    self._configs.append(line)
                self._heard.notify_all()
        if self._exit_with_stdin:
            os._exit(0)
        with self._heard:
            self._configs.append(None)
            self._heard.notify_all()

    def _next(self) -> str | None:
        with self._heard:
            self._heard.wait_for(lambda: self._configs)
            return self._configs.pop(0)

    def _check(self, asked: dict[str, Any]) -> None:
        print(f"noop: tried {json.dumps(asked)}", file=sys.stderr, flush=True)
        wrong = self._settings.get("wrong", [])
        if wrong == "exit":
            os._exit(3)
        if wrong == "hang":
            signal.pause()
        layer = ModelLayer(name="end", kind="Dense", shape="3", parameters=1200)
        names = dict.fromkeys(config["model"] for config in asked["configs"] if config["model"] != "reference")
        models = [ModelSummary(name=name, parameters=1234, flops_per_image=5678, layers=[layer]) for name in names]
        self._emit(Checked(problems=wrong, models=models))

    def _emit(self, event: Event | Checked) -> None:
        self._out.say(event)

    # -- training ----------------------------------------------------------------------------------------------------

    def _train(self, config: TrainConfig) -> Event:
        trial, accuracy = config.trial, expected(config)
        vram = 10.0 * config.depth if self._settings.get("gpu") is True else None
        images: dict[SplitName, int] = {"train": 80, "val": 20, "test": 20}
        photographs: dict[SplitName, int] = {"train": 8, "val": 2, "test": 2}
        if self._public:
            images, photographs = PUBLIC_IMAGES, PUBLIC_PHOTOGRAPHS
        count = parameters(config)
        self._emit(
            Started(
                trial=trial,
                parameters=count,
                flops_per_image=count,
                images=images,
                photographs=photographs,
                traced=bool(self._settings.get("traced", True)),
                fingerprint=self._settings.get("images", ""),
                chance_loss=1.5,  # of an accuracy of 0
            )
        )
        if gate := self._settings.get("gate"):
            with open(gate, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
        for epoch in range(1, config.epochs + 1):
            failure = self._fault(config, epoch)
            if failure is not None:
                return failure
            if trial in self._stopped:
                return Stopped(trial=trial, epoch=epoch - 1)
            value = epoch_accuracy(config, epoch)
            self._emit(
                Epoch(
                    trial=trial,
                    epoch=epoch,
                    train_loss=1.5 - value,
                    train_accuracy=value + 0.1,
                    val_loss=1.6 - value,
                    val_accuracy=value,
                    epoch_s=0.001,
                    images_per_s=self._images_per_s(),
                    vram_peak_mib=vram,
                )
            )
            if self._settings.get("steps"):
                self._wait_for_step(trial, epoch)
        if trial in self._stopped:
            return Stopped(trial=trial, epoch=config.epochs)
        model_file = None
        if self._settings.get("models") and self._output:
            model_file = f"{trial}.keras"
            Path(self._output).mkdir(parents=True, exist_ok=True)
            Path(self._output, model_file).write_text(trial)
        return Finished(
            trial=trial,
            epochs_run=config.epochs,
            start_epoch=1 if accuracy["train"] >= 1 / self._classes + 0.1 else None,
            splits=self._public
            or {split: _measures(split, accuracy[split], images[split], self._classes) for split in images},
            parameters=count,
            flops_per_image=count,
            train_s=0.001 * config.epochs,
            images_per_s=80_000.0,
            vram_peak_mib=vram,
            vram_process_mib=None,
            model_file=model_file,
        )

    def _images_per_s(self) -> float:
        speed = self._settings.get("speed")
        return float(Path(speed).read_text()) if speed else 80_000.0

    def _wait_for_step(self, trial: str, epoch: int) -> None:
        with self._heard:
            self._heard.wait_for(lambda: trial in self._stopped or self._steps.get(trial, 0) >= epoch)

    def _fault(self, config: TrainConfig, epoch: int) -> Event | None:
        """Does what was asked for at this epoch; an event where the training ends by it."""
        kind = self._fault_kind(config.seed, epoch)
        if kind is None:
            return None
        trial = config.trial
        match kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
            case "exit":
                print("noop: made-up crash", file=sys.stderr, flush=True)
                os._exit(3)
            case "hang":
                signal.pause()
            case "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "garbage":
                os.write(self._stdout, b"".join(GARBAGE))
            case "stray":
                self._emit(Stopped(trial="somebody-else", epoch=1))
            case "large":
                self._emit(Failed(trial="large", kind="error", message="x" * LARGE_BYTES))
            case "environment":
                print(json.dumps({"environment": sorted(os.environ)}), file=sys.stderr, flush=True)
            case "out_of_memory":
                return Failed(
                    trial=trial, kind="out_of_memory", message="made-up allocator", epoch=epoch, requested_mib=4096.0
                )
            case "not_finite":
                return Failed(trial=trial, kind="not_finite", message="the loss became NaN", epoch=epoch)
            case "error":
                return Failed(trial=trial, kind="error", message="ValueError: made up", traceback="Traceback: made up")
            case "disk":
                return Failed(trial=trial, kind="disk", message="the model cannot be saved: No space left on device")
            case "data":
                return Failed(trial=trial, kind="data", message="/images: there is no such folder.")
            case "until_stopped":
                with self._heard:
                    self._heard.wait_for(lambda: trial in self._stopped)
            case _:
                raise ValueError(f"no such fault: {kind}")
        return None

    def _fault_kind(self, seed: int, epoch: int) -> str | None:
        if seed >= SEEDS["kill"]:
            return KINDS[seed - SEEDS["kill"]] if epoch == 1 else None
        faults = self._settings.get("faults")
        if not faults:
            return None
        asked = faults.get(str(seed), faults.get("*"))
        kind, at, times = _spelt(asked)
        if kind is None or epoch != at:
            return None
        if times is None:
            return kind
        for number in range(times):
            try:
                os.close(os.open(Path(self._settings["marks"], f"{seed}-{kind}-{number}"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return kind
        return None


def _spelt(asked: str | list[Any] | None) -> tuple[str | None, int, int | None]:
    """Kind, epoch and times, as `faults` has them."""
    given: list[Any] = asked if isinstance(asked, list) else [asked]
    return given[0], given[1] if len(given) > 1 else 1, given[2] if len(given) > 2 else None


def _measures(split: str, accuracy: float, images: int, classes: int) -> SplitMeasures:
    """One photograph a class."""
    each = images // classes
    right = round(accuracy * each)
    confusion = [[0] * classes for _ in range(classes)]
    for label in range(classes):
        confusion[label][label] = right
        confusion[label][(label + 1) % classes] += each - right
    return SplitMeasures(
        accuracy=accuracy,
        loss=1.5 - accuracy,
        macro_f1=accuracy,
        recall=[right / each] * classes,
        confusion=confusion,
        photos=[PhotoCount(photo=f"{split}/{n}", label=n, predicted=confusion[n]) for n in range(classes)],
    )


def _public_splits(classes: int) -> dict[SplitName, SplitMeasures]:
    """Measures of every split, as long as those of the public set, and the same for every config."""
    found: dict[SplitName, SplitMeasures] = {}
    for split, photographs in PUBLIC_PHOTOGRAPHS.items():
        predicted = [PUBLIC_IMAGES[split] // photographs] + [1] * (classes - 1)
        photos = [
            PhotoCount(photo=f"{split.upper()}/EOSINOPHIL/_{n}", label=n % classes, predicted=predicted)
            for n in range(photographs)
        ]
        wrong = {f"TEST/EOSINOPHIL/_{n % 13}_{n}.jpeg": 1 for n in range(round(WRONG * PUBLIC_IMAGES[split]))}
        found[split] = SplitMeasures(
            accuracy=0.6,
            loss=1.1,
            macro_f1=0.59,
            recall=[0.6] * classes,
            confusion=[[PUBLIC_IMAGES[split] // classes**2] * classes] * classes,
            photos=photos,
            wrong=wrong if split == "test" else {},
        )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--cache")
    parser.add_argument("--output")
    parser.add_argument("--code")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--skip-bad-files", action="store_true")
    parser.add_argument("--exit-with-stdin", action="store_true")
    parser.add_argument("--alive-s", type=float)
    parser.add_argument("--silence-s", type=float)
    parser.add_argument("--send-models", action="store_true")
    parser.add_argument("--size", choices=("tiny", "public"), default="tiny")
    args = parser.parse_args(argv)
    away = (args.alive_s, args.silence_s, args.send_models, args.size == "public")
    return Noop(args.data, args.output, args.exit_with_stdin, args.cache or "", *away).serve()


if __name__ == "__main__":
    sys.exit(main())
