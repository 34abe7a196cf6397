"""Draws a model: a picture of its layers, and a table of shapes, parameters and FLOPs.

python -m trainer.model                                   # the reference model
python -m trainer.model --set pooling=blur --set depth=6 --out blur.png
python -m trainer.model --set model=my_model.py:build --set model.units=16   # tries a model of one's own, no picture
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trainer.command import command, refused
from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.notices import without_notices

CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(
        prog="python -m trainer.model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--config", type=Path, metavar="FILE", help="a TrainConfig as JSON (default: the reference)")
    result.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting; may repeat")
    result.add_argument(
        "--out",
        type=Path,
        default=Path("runs/model.png"),
        metavar="FILE.png",
        help="the picture (default: %(default)s)",
    )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, or 2 for a bad config or a picture that cannot be written."""
    args = parser().parse_args(argv)
    with command():
        try:
            return _main(args)
        except PermissionError as error:
            print(refused(error), file=sys.stderr)
            return 2


def _main(args: argparse.Namespace) -> int:
    with without_notices():
        from trainer.backend import device
        from trainer.model.build import build  # Keras and Matplotlib, without a person's settings of them
        from trainer.model.drawing import draw

        device()  # TensorFlow's first look for a GPU

    try:
        if args.out.suffix.lower() != ".png":
            raise ConfigError(f"--out {args.out}: the picture is a PNG file; its name must end with .png")
        config = _config(args.config, args.set)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if config.uses_own_code:
        return _try(config)
    changes = config.model_dump(exclude_defaults=True, exclude={"trial"})
    title = ", ".join(f"{name} {value}" for name, value in changes.items()) or "Reference model"
    try:
        table = draw(build(config, CLASSES), config, title, args.out)
    except OSError as error:
        print(f"--out {args.out}: cannot be written: {error.strerror or error}", file=sys.stderr)
        return 2
    console = Console()
    console.print(table)
    console.print(f"Picture: {args.out}", soft_wrap=True, markup=False, highlight=False)
    return 0


def _try(config: TrainConfig) -> int:
    from trainer.own.check import check

    checked = check([config], CLASSES, None)
    for problem in checked.problems:
        print(problem, file=sys.stderr)
    for model in checked.models:
        table = Table(title=f"{model.name}: {model.parameters:,} parameters, {model.flops_per_image:,} FLOPs an image")
        for column in ("layer", "kind", "output shape", "parameters"):
            table.add_column(column, justify="right" if column in ("output shape", "parameters") else "left")
        for layer in model.layers:
            table.add_row(layer.name, layer.kind, layer.shape, f"{layer.parameters:,}" if layer.parameters else "")
        Console().print(table)
    return 2 if checked.problems else 0


def _config(file: Path | None, changes: Sequence[str]) -> TrainConfig:
    values: dict[str, Any] = {}
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: cannot be read: {error}") from None
        try:
            values = TrainConfig.parse(text).model_dump()
        except ConfigError as error:
            raise ConfigError(f"{file}: this is no TrainConfig\n{error}") from None
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign:
            raise ConfigError(f"--set {change}: name=value is needed, such as --set pooling=blur")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return TrainConfig.of(values)


if __name__ == "__main__":
    sys.exit(main())
