"""Trains models drawn from the space of `joint`, into a table for `benchmarks.replay`.

    python -m benchmarks.joint_table --data DIR --models 400

Small, so that a table is hours' work: 48x64 pixels, colour, batches of 64 (of 16, one training in twelve learnt); a
training ends 20 epochs after it starts to learn, or at epoch 30 where it has not. It goes on where it ended: every row
is written when its training is over.

The first 90 models are drawn from the whole space, those after them from `WHERE_IT_STARTS`: of the first 156
trainings 9 of the 38 in that part of it learnt, and 4 of the 118 others, so that a table of the whole space alone would
have hardly a model that learns. A model is a function of its number (two scrambled Sobol sequences), so a longer table
has the models of a shorter one.

A model whose first replicate learnt is trained five times more, on new seeds and in turn on all folds, which tells what
the model is worth where the first was chosen for its luck. Others are not: of 65 that were, 6 learnt in the second
replicate alone, so whether a model learns at all is in good part luck of its seed or its fold, and such a one is missed
by whoever trains it once.

Columns: config, replicate (its seed and its fold of the photographs), the space's parameters; state (`failed`: the loss
was not finite); epochs, start_epoch (empty: it stayed at chance), model_parameters; val_accuracy, test_accuracy,
train_accuracy (means over the last five epochs, inference mode); val_curve (validation accuracy of each epoch, per
thousand, by `;`).
"""

from __future__ import annotations

import argparse
import csv
import json
import queue
import sys
import tempfile
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from scipy.stats import qmc

from search.executors import LocalExecutor, Slot, SlotExit, SlotLine, TrainerSource
from search.study import Study
from search.study.space import ParamValue, Spec
from search.study.toml_file import load_study
from trainer.config import TrainConfig

TABLE = Path(__file__).with_name("joint_table.csv")
SOBOL_SEED = 20_261_128
WHOLE_SPACE = 90  # models; those after them are drawn from:
WHERE_IT_STARTS: dict[str, dict[str, float]] = {
    "learning_rate": {"low": 2.5e-4, "high": 2e-3},
    "dropout_rate": {"low": 0.0, "high": 0.45},
    "depth": {"low": 2, "high": 5},
}
SIZE = {"image_height": 48, "image_width": 64, "color": True, "batch_size": 64}
DEEPEST = 5
REPLICATES = 6  # of a model that learnt in the first
FOLDS = TrainConfig.model_fields["folds"].default
CLOCK = {"epochs": 50, "epochs_after_start": 20, "evaluate_last": 5}
MEASURED = ("state", "epochs", "start_epoch", "model_parameters", "val_accuracy", "test_accuracy", "train_accuracy")


def space(study: Study) -> dict[str, Spec]:
    """The study's space, its depth as far as images of this size can be halved."""
    return study.scientific | {"depth": study.scientific["depth"].model_copy(update={"high": DEEPEST})}


def drawn(study: Study, count: int) -> list[dict[str, ParamValue]]:
    """The first `count` models of the table: the values of the study's parameters."""
    whole = space(study)
    part = {name: spec.model_copy(update=WHERE_IT_STARTS.get(name, {})) for name, spec in whole.items()}
    few = min(count, WHOLE_SPACE)
    return [*_sobol(whole, few, SOBOL_SEED), *_sobol(part, count - few, SOBOL_SEED + 1)]


def _sobol(specs: Mapping[str, Spec], count: int, seed: int) -> list[dict[str, ParamValue]]:
    shares = qmc.Sobol(len(specs), seed=seed).random_base2(max(1, int(np.ceil(np.log2(max(count, 1))))))[:count]
    return [
        {name: spec.at(share) for (name, spec), share in zip(specs.items(), row, strict=True)}
        for row in shares.tolist()
    ]


def columns(study: Study) -> list[str]:
    """Of the table."""
    return ["config", "replicate", *study.scientific, *MEASURED, "val_curve"]


def config_of(params: dict[str, ParamValue], number: int, replicate: int) -> TrainConfig:
    """The training of a row."""
    return TrainConfig.model_validate(
        {**SIZE, **CLOCK, **params, "trial": f"{number}-{replicate}", "seed": replicate, "fold": replicate % FOLDS}
    )


class Training:
    """A training under way."""

    def __init__(self, config: TrainConfig, row: dict[str, object]) -> None:
        self.config, self.row = config, row
        self.curve: list[int] = []

    def take(self, event: dict[str, object]) -> bool:
        """Takes what the trainer said; whether the training is over."""
        match event["event"]:
            case "epoch":
                self.curve.append(round(1000 * float(event["val_accuracy"])))  # type: ignore[arg-type]
                return False
            case "finished":
                splits: dict[str, dict[str, float]] = event["splits"]  # type: ignore[assignment]
                accuracies = {f"{split}_accuracy": round(splits[split]["accuracy"], 5) for split in splits}
                sizes = {"epochs": event["epochs_run"], "model_parameters": event["parameters"]}
                self.row |= {"state": "finished", "start_epoch": event["start_epoch"], **sizes, **accuracies}
            case "failed" if event["kind"] == "not_finite":
                self.row |= {"state": "failed", "epochs": len(self.curve)}
            case "failed":
                raise RuntimeError(f"{self.config.trial}: {event['message']}")
            case _:
                return False
        self.row["val_curve"] = ";".join(map(str, self.curve))
        return True


class Plan:
    """Which trainings come next: first again what learnt, the lowest replicate first, then the first model that was not
    trained yet.

    Args:
        study: whose space it is.
        models: of the whole table.
        table: the trainings that are done, and whether each learnt.
        replicates: of a model that learnt in its first.
    """

    def __init__(
        self, study: Study, models: int, table: Mapping[tuple[int, int], bool], replicates: int = REPLICATES
    ) -> None:
        self._models, self._replicates = drawn(study, models), replicates
        numbers = range(models)
        learnt = [number for number in numbers if table.get((number, 0))]
        self._again = [  # a heap, as it is in order
            (replicate, number)
            for replicate in range(1, replicates)
            for number in learnt
            if (number, replicate) not in table
        ]
        self._new = [number for number in reversed(numbers) if (number, 0) not in table]

    def __len__(self) -> int:
        return len(self._again) + len(self._new)

    def next(self) -> Training | None:
        """The next training; None: none is known yet."""
        if self._again:
            replicate, number = heappop(self._again)
            return self._training(number, replicate)
        return self._training(self._new.pop(), 0) if self._new else None

    def took(self, row: Mapping[str, object]) -> None:
        """Hears of a training that is over."""
        if row["replicate"] == 0 and row.get("start_epoch") is not None:
            for replicate in range(1, self._replicates):
                heappush(self._again, (replicate, int(str(row["config"]))))

    def _training(self, number: int, replicate: int) -> Training:
        row: dict[str, object] = {"config": number, "replicate": replicate, **self._models[number]}
        return Training(config_of(self._models[number], number, replicate), row)


def _rows(path: Path, names: list[str]) -> dict[tuple[int, int], bool]:
    """The trainings in the table, and whether each learnt; a new one gets its head."""
    if not path.exists():
        path.write_text(",".join(names) + "\n", encoding="utf-8")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise SystemExit(f"{path}: columns {reader.fieldnames}; expected {names}")
        return {(int(row["config"]), int(row["replicate"])): bool(row["start_epoch"]) for row in reader}


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.joint_table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="images")
    parser.add_argument("--models", type=int, default=400, metavar="N", help="in the whole table (%(default)s)")
    parser.add_argument("--slots", type=int, default=2, metavar="N", help="at once, a thread each (%(default)s)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="of decoded images (default: one for this run)")
    parser.add_argument("--to", type=Path, default=TABLE, metavar="FILE", help="the table (%(default)s)")
    args = parser.parse_args(argv)
    study = load_study("joint")
    plan = Plan(study, args.models, _rows(args.to, columns(study)))
    with tempfile.TemporaryDirectory() as folder, args.to.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(study), lineterminator="\n")
        source = TrainerSource(args.data.resolve(), args.cache or Path(folder, "cache"), Path(folder, "models"))
        mailbox: queue.SimpleQueue[SlotLine | SlotExit] = queue.SimpleQueue()
        console = Console()
        with LocalExecutor(source, Path(folder, "logs"), gpus=[]) as executor, Progress(console=console) as progress:
            task = progress.add_task("trainings", total=len(plan))
            for number in range(args.slots):
                executor.start(number, mailbox)
            at: dict[Slot, Training] = {}
            free = args.slots
            while free or at:
                mail = mailbox.get()
                if isinstance(mail, SlotExit):
                    raise RuntimeError(f"slot {mail.slot.number} {mail.reason}")
                event = json.loads(mail.line)
                if event["event"] == "ready":
                    free -= 1
                elif mail.slot in at and at[mail.slot].take(event):
                    row = at.pop(mail.slot).row
                    writer.writerow(row)
                    file.flush()
                    plan.took(row)
                    progress.update(task, advance=1, total=progress.tasks[task].completed + 1 + len(at) + len(plan))
                else:
                    continue
                if (training := plan.next()) is not None:
                    at[mail.slot] = training
                    mail.slot.send(training.config.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
