"""Figures and levels as a person writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.answer.statistics.intervals import Estimate
from search.study.space import ParamValue
from search.text import shown
from trainer.config import vocabulary_of

WORDS = {"learning_rate": "learning rate", "dropout_rate": "dropout", "evaluate_last": "last epochs evaluated"}
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "testing"}


def word(factor: str) -> str:
    """A parameter's name in words: `learning rate`."""
    return WORDS.get(factor, factor.replace("_", " "))


def named(factor: str | None, level: ParamValue | None) -> str:
    """A level in words: `max pooling`, `4 blocks`, `learning rate 0.0005`, `no augmentation`."""
    if factor is None or level is None:
        return "the reference model"
    if factor == "depth":
        return f"{level} block{'' if level == 1 else 's'}"
    if factor == "dropout_rate":
        return f"dropout {shown(level)}" if level else "no dropout"
    if isinstance(level, bool):
        return f"{word(factor)} {'on' if level else 'off'}"
    if isinstance(level, str):
        return f"{adjective(factor, level)} {word(factor)}"
    return f"{word(factor)} {shown(level)}"


def combined(cell: Mapping[str, ParamValue]) -> str:
    """A level of one parameter or of several in words: `max pooling with dropout 0.5`."""
    return " with ".join(named(factor, level) for factor, level in cell.items())


def adjective(factor: str, level: ParamValue) -> str:
    """What the vocabulary of a parameter calls a level, before the parameter's name; the level itself without one."""
    names = vocabulary_of(factor)
    if names is None or not isinstance(level, str) or level not in names:
        return shown(level)
    return str(names[level].words)


def named_all(factor: str, levels: Sequence[ParamValue], last: str = "and", notes: Sequence[str] = ()) -> str:
    """Several levels in words, with a note each: `average (−3.1 points) and blur pooling`, `1, 2 or 3 blocks`."""
    after = [f" ({note})" for note in notes] or [""] * len(levels)
    if len(levels) == 1:
        return named(factor, levels[0]) + after[0]
    called = [shown(level) if level == "none" else adjective(factor, level) for level in levels]
    texts = [text + note for text, note in zip(called, after, strict=True)]
    if factor == "depth":
        return f"{listed(texts, last)} blocks"
    if all(isinstance(level, str) for level in levels):
        return f"{listed(texts, last)} {word(factor)}"
    return f"{word(factor)} {listed(texts, last)}"


def percent(value: float, digits: int = 1) -> str:
    """A share in per cent: `48.9 %`."""
    return f"{100 * value:.{digits}f} %"


def points(value: float, digits: int = 1) -> str:
    """A difference of two shares in percentage points, with its sign: `+3.2`, `−3.2`, `0.0`."""
    text = f"{100 * value:+.{digits}f}".replace("-", "−")
    return text[1:] if float(f"{100 * value:.{digits}f}") == 0 else text


def share_text(estimate: Estimate) -> str:
    """A share with its interval: `48.9 % (41 to 57)`."""
    return f"{percent(estimate.value)} ({100 * estimate.low:.0f} to {100 * estimate.high:.0f})"


def difference_text(estimate: Estimate) -> str:
    """A difference with its interval: `−23.5 points (−31 to −16)`."""
    return f"{points(estimate.value)} points ({points(estimate.low, 0)} to {points(estimate.high, 0)})"


def points_text(value: float, *, signed: bool = False) -> str:
    """`5 points`, `+5.2 points`: a size, or with its sign."""
    if signed:
        return f"{points(value)} points"
    return f"{100 * value:g} point{'' if round(100 * value, 9) == 1 else 's'}"


def note_text(estimate: Estimate) -> str:
    """The same within brackets: `−23.5 points, −31 to −16`."""
    return f"{points(estimate.value)} points, {points(estimate.low, 0)} to {points(estimate.high, 0)}"


def p_text(p: float) -> str:
    """A p value: `0.031`, `< 0.001`, `1`."""
    if p < 0.001:
        return "< 0.001"
    return "1" if p >= 0.9995 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Words in a row: `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else "none"


def count(n: int, thing: str) -> str:
    """A number with its noun: `1 seed`, `3 seeds`."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"
