"""What the columns of exported tables mean, with their units."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.api.exported import SETTINGS, SPLITS
from trainer.config import TrainConfig
from trainer.own.names import kind_of

SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test"}
SETTING_UNITS = {"image_height": "pixels", "image_width": "pixels", "batch_size": "images", "epochs": "epochs"}


class Meaning(NamedTuple):
    """What a column holds; the unit is empty for names, truth values and plain numbers."""

    unit: str
    text: str


EVERYWHERE = {
    "trial": Meaning("", "number of the trial within the study, as in Optuna"),
    "seed": Meaning("", "seed of the weights, the order of the images, dropout and augmentation"),
    "fold": Meaning("", "the fold of the training photographs that validated"),
    "parameters": Meaning("weights", "weights of the model"),
    "flops_per_image": Meaning("operations", "floating-point operations of one image, forwards"),
    "images_per_s": Meaning("images/s", "training images per second"),
    "vram_peak_mib": Meaning("MiB", "peak of the GPU memory allocator; missing where it was not measured"),
    "vram_process_mib": Meaning("MiB", "GPU memory of the whole process, as the driver counts it"),
    "train_s": Meaning("s", "duration of the training, without reading images and measuring at the end"),
}
TRIALS = {
    "state": Meaning("", "how the trial ended, in Optuna's words: COMPLETE, PRUNED, FAIL; RUNNING while it runs"),
    "role": Meaning("", "what it is for: replicate (counts in the answer), tuning, search, confirm (trained again)"),
    "failure": Meaning("", "kind of failure; missing for a trial that finished"),
    "failure_message": Meaning("", "what the trainer said of its failure"),
    "requested_mib": Meaning("MiB", "GPU memory that was asked for when it ran out"),
    "start_epoch": Meaning("", "epoch in which training loss first fell clearly below chance; missing if never"),
    "learnt": Meaning("", "whether the training left chance: it has a start epoch"),
    "epochs_run": Meaning("epochs", "epochs that were trained"),
    "wall_s": Meaning("s", "from the start of the trial to its end"),
    "started_at": Meaning("UTC", "when the trial started"),
    "slot": Meaning("", "number of the trainer process that ran it"),
    "device": Meaning("", "cpu or gpu"),
    "device_name": Meaning("", "name of the processor or the graphics card"),
    "machine": Meaning("", "name of the machine that trained it; missing where the trainer did not tell it"),
    "backend": Meaning("", "backend of Keras"),
    "threads": Meaning("threads", "CPU threads of the trainer"),
    "software": Meaning("", "versions of the trainer's packages"),
}
EPOCHS = {
    "epoch": Meaning("", "counts from 1"),
    "train_loss": Meaning("nats", "cross-entropy on training images, by class_weight: running mean, in training mode"),
    "train_accuracy": Meaning("share", "accuracy on training images: running mean over the epoch, in training mode"),
    "val_loss": Meaning("nats", "cross-entropy on validation images after the epoch, by class_weight"),
    "val_accuracy": Meaning("share", "accuracy on validation images after the epoch"),
    "epoch_s": Meaning("s", "duration of the epoch"),
}
PREDICTIONS = {
    "split": Meaning("", "train, val or test"),
    "photograph": Meaning("", "name of the photograph that the images were made from"),
    "true_class": Meaning("", "class of the images; a photograph with images of two classes has two rows"),
    "images": Meaning("images", "images of this photograph and class"),
    "correct": Meaning("images", "those of them that were classified correctly"),
}
LEVELS = {
    "level": Meaning("", "value of the parameter that the study asks about; missing for a study of one model"),
    "is_reference": Meaning("", "whether the other levels are compared with this one"),
    "n_seeds": Meaning("trainings", "trainings that finished"),
    "n_learnt": Meaning("trainings", "those of them that learnt"),
    "n_failed": Meaning("trainings", "trainings that ended without a result"),
    "measure": Meaning("", "what was measured: a measure, gap (training less test, of the one that decides), a cost"),
    "split": Meaning("", "the images it was measured on; missing for costs and the gap"),
    "class": Meaning("", "the class, for a measure of one class"),
    "value": Meaning("", "mean over trainings that learnt (over all if none did; of a cost, over all): "
                         "a share, or a cost in the unit that its name ends in"),
    "low": Meaning("", "lower end of the 95 % interval over photographs and trained models; missing where none is"),
    "high": Meaning("", "upper end of the 95 % interval, likewise"),
    "sd": Meaning("", "of a cost: sample standard deviation over trainings"),
    "n_models": Meaning("trainings", "trainings that the value is a mean over"),
}  # fmt: skip
COMPARISONS = {
    "level": Meaning("", "the level that is compared"),
    "reference": Meaning("", "the level it is compared with"),
    "outcome": Meaning(
        "", "the measure that decides on test_ (the primary outcome), train_ and val_ images, as test_accuracy; its gap"
    ),
    "is_decided": Meaning("", "whether the study decides on this outcome; the others are described"),
    "difference": Meaning("share", "the level less the reference, paired by seed and photograph"),
    "low": Meaning("share", "lower end of the 95 % interval, simultaneous over the levels, and over looks"),
    "high": Meaning("share", "upper end of the 95 % interval, simultaneous over the levels, and over looks"),
    "n_pairs": Meaning("pairs", "seeds at which both levels learnt; with looks, up to the look of the level"),
    "p": Meaning("", "p-value of no difference, corrected for the number of levels (Holm); with looks, repeated"),
    "p_equivalent": Meaning(
        "", "p-value of a difference of the margin or more (two one-sided tests), corrected likewise"
    ),
    "p_non_inferior": Meaning("", "p-value of being worse by the margin or more, corrected likewise"),
    "margin": Meaning("share", "the difference in the measure that decides, on test images, that counts as none"),
    "verdict": Meaning("", "higher, lower, equivalent, cannot tell, or too few seeds; of the outcome that is decided"),
}
EFFECTS = {
    **{name: meaning for name, meaning in COMPARISONS.items() if name not in ("level", "reference")},
    "effect": Meaning(
        "", "main: a level's difference to the reference level, averaged over all levels of the other parameter; "
        "interaction: by how much that difference is higher at a level of the other than at its reference level"
    ),
    "difference": Meaning("share", "the effect, paired by seed and photograph"),
    "low": Meaning("share", "lower end of the 95 % interval, simultaneous over the effects"),
    "high": Meaning("share", "upper end of the 95 % interval, simultaneous over the effects"),
    "n_pairs": Meaning("seeds", "seeds at which all combinations in the effect learnt"),
    "p": Meaning("", "p-value of no effect, corrected for the number of effects (Holm)"),
}  # fmt: skip
OF_TABLE: Mapping[str, Mapping[str, Meaning]] = {
    "trials": TRIALS,
    "epochs": EPOCHS,
    "predictions": PREDICTIONS,
    "levels": LEVELS,
    "comparisons": COMPARISONS,
    "effects": EFFECTS,
}


def dictionary(tables: Mapping[str, pd.DataFrame], class_names: Sequence[str]) -> pd.DataFrame:
    """A row a column of these tables: table, column, type, unit, meaning."""
    settings = _settings()
    rows = []
    for table, found in tables.items():
        for column in map(str, found.columns):
            known = OF_TABLE[table].get(column) or EVERYWHERE.get(column) or settings.get(column)
            unit, text = known or _of_own_code(column) or _composed(column, class_names)
            rows.append((table, column, str(found[column].dtype), unit, text))
    return pd.DataFrame(rows, columns=["table", "column", "type", "unit", "meaning"])


def _of_own_code(column: str) -> Meaning | None:
    """Of a parameter that code of one's own declares, as `model.units`."""
    kind = kind_of(column)
    return (
        Meaning("", f"setting: a parameter of the {kind} of one's own; its code says what it means") if kind else None
    )


def _composed(column: str, class_names: Sequence[str]) -> Meaning:
    """Of a column that is named after a split, a measure or a class."""
    if column.startswith("predicted_"):
        return Meaning("images", f"images that were taken for {column.removeprefix('predicted_')}")
    split, _, rest = column.partition("_")
    if split in SPLITS:
        where = f"on the {SPLIT_WORDS[split]} images, after the last epoch, in inference mode"
        if rest == "loss":
            return Meaning("nats", f"cross-entropy {where}")
        if rest in MEASURES:
            return Meaning("share" if MEASURES[rest].is_share else "", f"{MEASURES[rest].words} {where}")
        for name, entry in CLASS_MEASURES.items():
            if (label := rest.removeprefix(f"{name}_")) in class_names and label != rest:
                return Meaning("share", f"{entry.words} of {label} {where}")
    raise KeyError(f"the column {column} has no meaning in search.api.dictionary")


def _settings() -> dict[str, Meaning]:
    """The settings of a training, in the words of `TrainConfig`'s docstring."""
    text = inspect.getdoc(TrainConfig) or ""
    _, _, attributes = text.partition("Attributes:\n")
    found = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, flags=re.MULTILINE))
    return {
        name: Meaning(SETTING_UNITS.get(name, ""), f"setting: {' '.join(found.get(name, name).split()).rstrip('.')}")
        for name in SETTINGS
    }
