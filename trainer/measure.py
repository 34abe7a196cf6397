"""Measures of a split from its logits, in numpy."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trainer import probabilities, scores
from trainer.events import Count, PhotoCount, SplitMeasures

Logits = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]
DIGITS = 7  # of what a photograph adds to AUROC, so that the sums of ten thousand are right to six decimals


def cross_entropy(logits: Logits, labels: Labels, class_weight: Sequence[float] | None = None) -> float:
    """Mean negative log-likelihood; NaN or infinite where a logit is. Shapes: (n, classes) and (n,).

    With `class_weight`, (classes,), it is the mean over images weighted by their class's.
    """
    wide = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite logits give NaN, which the caller looks for
        shifted = wide - wide.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=1))
        losses = log_sum - shifted[np.arange(len(labels)), labels]
    if class_weight is None:
        return float(np.mean(losses))
    weights = np.asarray(class_weight, np.float64)[labels]
    return float((weights * losses).sum() / weights.sum()) if weights.any() else float(np.mean(losses))


def accuracy(logits: Logits, labels: Labels) -> float:
    """Share of the images whose largest logit is their class's."""
    return float(np.mean(logits.argmax(axis=1) == labels))


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    """Counts, shape (classes, classes): row the true class, column the predicted one."""
    flat = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes)


def macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """The mean over classes of F1 = 2 TP / (2 TP + FP + FN); 0 for a class that is neither there nor predicted."""
    hits = np.diag(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float(np.mean(np.divide(2 * hits, total, out=np.zeros(len(hits)), where=total > 0)))


def over_classes(logits: Logits, labels: Labels) -> tuple[float, float, float]:
    """Balanced accuracy, the mean recall of the classes that have images; macro F1; and AUROC, the mean over classes of
    each against the rest. Shapes: (n, classes), (n,).
    """
    confusion = confusion_matrix(logits.argmax(axis=1), labels, logits.shape[1])
    there = confusion.sum(axis=1)
    balanced = float(np.mean(np.diag(confusion)[there > 0] / there[there > 0]))
    return balanced, macro_f1(confusion), probabilities.auroc(logits, labels)


def measure_split(
    evaluations: Sequence[Logits],
    labels: Labels,
    photos: Labels,
    photo_names: Sequence[str],
    files: Sequence[str] | None = None,
) -> SplitMeasures:
    """Everything that is reported of a split.

    Args:
        evaluations: logits (n, classes) of one model, or of one training's model after each of several epochs. Figures
            are means over them: so many evaluations of an image are one image.
        labels: (n,) the true classes.
        photos: (n,) indexes into `photo_names`.
        photo_names: the photographs of all splits.
        files: (n,) names, in order; where given, the images classified wrongly in the last evaluation are listed, and
            its probabilities kept.
    """
    classes = evaluations[-1].shape[1]
    predicted = np.stack([logits.argmax(axis=1) for logits in evaluations])  # (evaluations, n)
    total = np.sum([confusion_matrix(row, labels, classes) for row in predicted], axis=0)
    hits, there = np.diag(total), total.sum(axis=1)
    logs = [probabilities.log_softmax(logits) for logits in evaluations]
    placed = np.mean([probabilities.placements(one, labels) for one in logs], axis=0)  # (n,)
    by_photo = []
    placements = []
    order = []
    for photo, label in np.unique(np.stack([photos, labels], axis=1), axis=0).tolist():
        rows = (photos == photo) & (labels == label)
        counts = np.bincount(predicted[:, rows].ravel(), minlength=classes)
        order.append(np.flatnonzero(rows))
        by_photo.append(PhotoCount(photo=photo_names[photo], label=label, predicted=_means(counts, len(predicted))))
        placements.append(float(f"{placed[rows].sum():.{DIGITS}g}"))
    wrong = {}
    kept = None
    if files is not None:
        last = predicted[-1]
        wrong = {files[row]: int(last[row]) for row in np.flatnonzero(last != labels).tolist()}
        kept = scores.encode(evaluations[-1][np.concatenate(order)])
    return SplitMeasures(
        accuracy=float(hits.sum() / total.sum()),
        loss=statistics.fmean(cross_entropy(logits, labels) for logits in evaluations),
        macro_f1=macro_f1(total),
        recall=[float(hits[c] / n) if n else None for c, n in enumerate(there)],
        confusion=[_means(row, len(predicted)) for row in total],
        photos=by_photo,
        wrong=wrong,
        log_probabilities=kept,
        auroc=float(placed.sum()),
        placements=placements,
        ece=probabilities.calibration_error(logs[-1], labels),
    )


def _means(sums: npt.NDArray[np.int64], evaluations: int) -> list[Count]:
    """Images from sums over evaluations; whole numbers where there was one."""
    means: list[Count] = (sums if evaluations == 1 else sums / evaluations).tolist()
    return means
