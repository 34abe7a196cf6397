"""`tune = true`: every level at three learning rates, so that none is judged at a rate that suits another.

A level that learns nothing at the reference model's rate is no worse level. With `tune = true`, or `--tune`, every
replicate of every level is trained at a third of the reference's rate, at it and at three times it: steps of half a
power of ten, as usual for a first search of a learning rate (Bengio 2012, "Practical Recommendations for
Gradient-Based Training of Deep Architectures", https://arxiv.org/abs/1206.5533, section 3.1). Which of them a level is
judged at, `search.answer.tuned` says. Of two parameters that are crossed, every combination of their levels has a rate
of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search.study.diagnostics import Mistake, shown
from trainer.config import TrainConfig

FACTORS = (1 / 3, 1.0, 3.0)
RATE = "learning_rate"
MOST = next(limit.le for limit in TrainConfig.model_fields[RATE].metadata if hasattr(limit, "le"))


def rates_around(rate: float) -> tuple[float, ...]:
    """The learning rates of the grid, rising; `rate` is one of them."""
    return tuple(rate if factor == 1 else float(f"{rate * factor:.3g}") for factor in FACTORS)


def check_tune(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether there is something to tune, and nothing that tunes already."""
    if data.get("tune") is not True:
        return
    why = ""
    if data.get("search") is not None:
        why = f"a search proposes learning rates itself: add [scientific.{RATE}]"
    elif not data.get("scientific"):
        why = "there are no levels to tune the learning rate for"
    elif RATE in data["scientific"]:
        why = "the question is about the learning rate itself, which cannot be tuned for its levels too"
    elif data.get("nuisance"):
        why = "the study tunes its [nuisance.NAME] already; allowed: one of the two"
    elif data.get("looks"):
        why = "a level would go on after a look at another rate than it was looked at; allowed: seeds = N"
    elif data.get("seeds") == 1:
        why = "one half of the replicates chooses and the other measures; allowed: seeds from 2"
    if why:
        yield Mistake(("tune",), why)
        return
    fixed = data.get("fixed")
    rate = fixed.get(RATE) if isinstance(fixed, Mapping) else None
    if isinstance(rate, float) and rate > 0 and rate * FACTORS[-1] > MOST:
        text = f"found {shown(rate)}; allowed with tune: up to {MOST / FACTORS[-1]:.3g}, as it trains at 3 times it"
        yield Mistake(("fixed", RATE), text)
