"""`python -m trainer --config FILE`: one training with a progress bar and a table at the end."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from trainer.config import TrainConfig
from trainer.data.options import data_options
from trainer.errors import ConfigError, DataError
from trainer.events import Epoch, Event, Failed, Finished, Started
from trainer.folder import resolve_data
from trainer.notices import without_notices


def train_standalone(args: argparse.Namespace) -> int:
    """Trains the config in the file `args.config`. Returns the exit status.

    Raises:
        ConfigError, DataError: the file or the images cannot be used.
    """
    try:
        text = Path(args.config).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{args.config}: cannot be read: {error}") from None
    try:
        config = TrainConfig.parse(text)
    except ConfigError as error:
        raise ConfigError(f"{args.config}: this is no TrainConfig\n{error}") from None
    console = Console()
    cache = Path(args.cache)
    data, why = resolve_data(args.data, cache)
    console.print(f"Images: {why}", markup=False, soft_wrap=True)

    with without_notices():
        from trainer.backend import set_up  # Keras takes seconds: mistakes are told first

        set_up(args.threads)
        from trainer.fit import Session
        from trainer.source import Source

    output = Path(args.output) if args.output else None
    code = Path(args.code) if args.code else None
    session = Session(Source(data, cache, output, data_options(args), code))
    last: list[Event] = []
    labels = ("[progress.description]{task.description}", "train {task.fields[train]}", "val {task.fields[val]}")
    with Progress(
        TextColumn(labels[0]),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(labels[1]),
        TextColumn(labels[2]),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task(
            "epochs, at most" if config.epochs_after_start else "epochs", total=config.epochs, train="-", val="-"
        )

        def show(event: Event) -> None:
            if isinstance(event, Started):
                images = ", ".join(f"{n:,} {split}" for split, n in event.images.items())
                progress.console.print(f"{event.parameters:,} parameters; images: {images}")
            elif isinstance(event, Epoch):
                train, val = f"{event.train_accuracy:.3f}", f"{event.val_accuracy:.3f}"
                progress.update(bar, completed=event.epoch, train=train, val=val)
            last[:] = [event]

        session.train(config, show)
    end = last[0]
    if isinstance(end, Finished):
        console.print(_table(end))
        if end.model_file and output:
            console.print(f"Model: {output / end.model_file}", markup=False, soft_wrap=True)
        return 0
    if isinstance(end, Failed):
        if end.kind == "data":
            raise DataError(end.message)
        console.print(Text(f"The training failed ({end.kind})", "red"), Text(end.message), sep=": ", soft_wrap=True)
        if end.traceback:
            console.print(end.traceback, markup=False, highlight=False)
    return 1


def _table(end: Finished) -> Table:
    start = f"learning started in epoch {end.start_epoch}" if end.start_epoch else "it never left chance"
    title = f"{end.epochs_run} epochs in {end.train_s:.1f} s, {end.images_per_s:,.0f} images/s; {start}"
    table = Table(title=title)
    for column in ("split", "accuracy", "macro F1", "loss", "photographs"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for name, split in end.splits.items():
        figures = (f"{split.accuracy:.4f}", f"{split.macro_f1:.4f}", f"{split.loss:.4f}", str(len(split.photos)))
        table.add_row(name, *figures)
    return table
