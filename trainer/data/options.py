"""What a user may say of a folder of images, the same for every command that reads one."""

from __future__ import annotations

import argparse
import typing
from dataclasses import dataclass
from typing import Literal

Leaks = Literal["stop", "drop", "keep"]


@dataclass(frozen=True)
class DataOptions:
    """How a folder of images is to be read.

    Attributes:
        photographs: which images are of one photograph. None: what the folder tells (`photographs.csv`, a level of
            folders, a column of `labels.csv`), else the pixels. Else "pixels", "none" (each image is its own), the
            path of a CSV file, or a regular expression with one group, that of the photograph in a file's path.
        leaks: what happens where a photograph stands in several of TRAIN, VAL and TEST. "stop" refuses the folder,
            "drop" leaves its images in TEST alone (in VAL, where it has none in TEST), "keep" goes on.
        skip_bad_files: leave out files that are no usable images, in place of refusing the folder.
    """

    photographs: str | None = None
    leaks: Leaks = "stop"
    skip_bad_files: bool = False


def add_data_options(parser: argparse._ActionsContainer) -> None:
    """Adds `--photographs`, `--leaks` and `--skip-bad-files` to a command."""
    add_photographs_option(parser)
    parser.add_argument(
        "--leaks",
        choices=typing.get_args(Leaks),
        default="stop",
        help="where a photograph stands in TRAIN and TEST (or VAL): stop, drop its images from TRAIN, or keep "
        "(%(default)s)",
    )
    parser.add_argument("--skip-bad-files", action="store_true", help="go on without images that cannot be read")


def add_photographs_option(parser: argparse._ActionsContainer) -> None:
    """Adds `--photographs` to a command."""
    parser.add_argument(
        "--photographs",
        metavar="FILE|PATTERN|pixels|none",
        help="which images are of one photograph: a CSV file (file,photograph[,patient]), a regular expression with "
        "one group as 'patient(\\d+)_', `pixels`, or `none` (default: what the folder tells, else the pixels)",
    )


def data_options(args: argparse.Namespace) -> DataOptions:
    """The options of a command's parsed arguments."""
    return DataOptions(args.photographs, args.leaks, args.skip_bad_files)
