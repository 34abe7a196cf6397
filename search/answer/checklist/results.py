"""What a study knows of its results that a report must say; empty where it does not know."""

from __future__ import annotations

from collections import Counter

from search.answer.answer import Answer
from search.answer.levels import LevelAnswer
from search.answer.measure_table import CLASS_MEASURES
from search.answer.tables.cells import with_interval
from search.answer.words.sentence import FAILED
from search.answer.words.wording import count, listed, share_text


def performance(answer: Answer) -> str:
    """Says what was measured on the test images."""
    return answer.headline if answer.recorded.finished else ""


def by_class_performance(answer: Answer) -> str:
    """Recall of each class at the reference level."""
    level = _reported(answer)
    if level is None:
        return ""
    texts = []
    for name, entry in CLASS_MEASURES.items():
        pairs = zip(answer.recorded.class_names, level.by_class.get(name, ()), strict=False)
        texts += [f"{entry.words} of {label.lower()} {with_interval(one)} %" for label, one in pairs if one is not None]
    texts = [f"test {answer.recorded.study.measure_words} {share_text(level.accuracy['test'])}", *texts]
    return f"{'Reference level: ' if answer.recorded.study.factors else ''}{'; '.join(texts)}."


def failures(answer: Answer) -> str:
    """Trainings that failed, and images that are misclassified."""
    kinds = sum((Counter(level.failures) for level in answer.levels), Counter[str]()) if answer.levels else Counter()
    lost = listed([f"{n} {FAILED.get(kind, kind)}" for kind, n in kinds.items()])
    failed = "No training failed." if not kinds else f"Trainings that failed: {lost}."
    idle = sum(len(level.trials) - level.learning.learnt for level in answer.levels)
    stuck = f" {count(idle, 'training')} did not learn; they are counted, and left out of accuracies." if idle else ""
    return f"{failed}{stuck} The answer's page shows the test images most often misclassified, and confusion matrices."


def limitations(answer: Answer) -> str:
    """What the study cannot tell."""
    return " ".join(
        ["The intervals hold for photographs like these: same stain, microscope and laboratory.", *answer.caveats]
    )


def _reported(answer: Answer) -> LevelAnswer | None:
    if answer.reference is not None:
        return answer.reference
    return answer.search.evidence.best if answer.search and answer.search.evidence else None
