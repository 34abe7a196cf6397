"""A trainer that does not train: it answers each config at once, with events as long as those of the full image set.

python -m benchmarks.noop_trainer < configs
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from trainer.config import TrainConfig
from trainer.events import Epoch, Finished, PhotoCount, Ready, SplitMeasures, SplitName, Started

# The public set: 9,957 images of 277 photographs in TRAIN, a fifth of them for validation; 2,487 of 71 in TEST.
IMAGES: dict[SplitName, int] = {"train": 7965, "val": 1992, "test": 2487}
PHOTOGRAPHS: dict[SplitName, int] = {"train": 222, "val": 55, "test": 71}
WRONG = 0.4  # the share of the test images that the reference model gets wrong
TRIAL = "@trial@"


def splits(classes: int) -> dict[SplitName, SplitMeasures]:
    """Measures of every split, as long as real ones."""
    found: dict[SplitName, SplitMeasures] = {}
    for split, photographs in PHOTOGRAPHS.items():
        a_photo = IMAGES[split] // photographs
        photos = [
            PhotoCount(
                photo=f"{split.upper()}/EOSINOPHIL/_{n}", label=n % classes, predicted=[a_photo] + [1] * (classes - 1)
            )
            for n in range(photographs)
        ]
        wrong = {f"TEST/EOSINOPHIL/_{n % 13}_{n}.jpeg": 1 for n in range(round(WRONG * IMAGES[split]))}
        found[split] = SplitMeasures(
            accuracy=0.6,
            loss=1.1,
            macro_f1=0.59,
            recall=[0.6] * classes,
            confusion=[[IMAGES[split] // classes**2] * classes] * classes,
            photos=photos,
            wrong=wrong if split == "test" else {},
        )
    return found


def answer(config: TrainConfig, classes: int) -> list[str]:
    """The events of one training, a line each."""
    started = Started(
        trial=TRIAL, parameters=32_500, flops_per_image=31_000_000, images=IMAGES, photographs=PHOTOGRAPHS, traced=False
    )
    epochs = [
        Epoch(
            trial=TRIAL,
            epoch=epoch,
            train_loss=1.3,
            train_accuracy=0.5,
            val_loss=1.3,
            val_accuracy=0.5,
            epoch_s=0.001,
            images_per_s=1000.0,
        )
        for epoch in range(1, config.epochs + 1)
    ]
    finished = Finished(
        trial=TRIAL,
        epochs_run=config.epochs,
        start_epoch=1,
        splits=splits(classes),
        parameters=32_500,
        flops_per_image=31_000_000,
        train_s=0.001,
        images_per_s=1000.0,
    )
    return [event.model_dump_json() for event in (started, *epochs, finished)]


def main() -> None:
    """Says `ready`, then answers a config a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="its classes are counted, nothing else")
    args, _ = parser.parse_known_args()  # what else an executor gives a trainer
    classes = sum(path.is_dir() for path in Path(args.data, "TRAIN").iterdir())
    ready = Ready(
        backend="none",
        device="cpu",
        device_name="none",
        vram_measured=False,
        threads=1,
        pid=os.getpid(),
        versions={"python": sys.version.split()[0]},
    )
    print(ready.model_dump_json(), flush=True)
    known: dict[int, str] = {}  # the events of a training, by its number of epochs
    for line in sys.stdin:
        config = TrainConfig.parse(line)
        if config.epochs not in known:
            known[config.epochs] = "\n".join(answer(config, classes))
        print(known[config.epochs].replace(TRIAL, config.trial), flush=True)


if __name__ == "__main__":
    main()
