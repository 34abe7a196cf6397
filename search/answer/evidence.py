"""Whether the configuration that a search recommends beats the reference model, both retrained on new seeds.

`python -m search.best --study joint` makes two studies for it, `joint-best` and `joint-best-reference`, with the same
seeds, none of which the search has used; both train on the validation photographs too. After a search with `confirm` it
makes the first alone: the two were compared in the search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.answer.confirmed import compared_text, verdict_text
from search.answer.levels import Compared, LevelAnswer, compare, paired
from search.answer.statistics.simultaneous import Difference, decided
from search.answer.words.wording import count, points_text, share_text
from search.folder.load import StoredStudy, beside
from search.folder.record import TrialRecord
from search.study import Study
from search.study.deciding import DEFAULT
from search.study.design import config_of, reference_params
from search.study.rules import RESERVED
from search.study.space import ParamValue
from trainer.config import TrainConfig, default_of
from trainer.errors import ConfigError
from trainer.own.names import KINDS, is_own, kind_of

BEST, REFERENCE = "best", "best-reference"


@dataclass(frozen=True)
class Evidence:
    """Two configurations, trained on the same new seeds.

    Attributes:
        best: the recommended one.
        reference: the reference model; None where that is the recommended one, or was not retrained.
        differences: best less reference, paired by seed and photograph, over the seeds at which both learnt; empty with
            fewer than two such seeds, or where one of the two learns at fewer than 80 % of its seeds.
        sentence: in plain English.
    """

    best: LevelAnswer
    reference: LevelAnswer | None
    differences: dict[Compared, Difference]
    sentence: str


def retraining(search: Study, config: TrainConfig, what: str, seeds: int) -> Study:
    """The study that retrains a configuration of a search.

    Args:
        search: the search.
        config: of its trial, or of the reference model.
        what: BEST or REFERENCE.
        seeds: how many trainings.
    """
    subject = "the reference model" if what == REFERENCE else f"the best configuration of {search.name}"
    return Study.model_validate(
        {
            "name": f"{search.name}-{what}",
            "question": f"How well does {subject} do, retrained with the validation photographs?",
            "seeds": seeds,
            "measure": search.measure,
            "fixed": fixed_of(config),
            **({"files": search.files, "code": search.code} if config.uses_own_code else {}),
        }
    )


def fixed_of(config: TrainConfig) -> dict[str, ParamValue]:
    """Where a configuration differs from the reference model's, to be trained on all TRAIN photographs."""
    values: Mapping[str, Any] = config.model_dump()
    left_out = ("train_on_validation", "early_stopping_patience")  # which needs photographs to validate on
    changed = {
        name: values[name] for name in values if name not in (*left_out, *RESERVED) and values[name] != default_of(name)
    }
    return {**changed, "train_on_validation": True}


def reference_of(search: Study) -> TrainConfig:
    """What a recommendation is compared with: the reference model, also in a search over a model of one's own."""
    params = reference_params(search) if search.search else None
    base = search.base_config() if params is None else config_of(search, params, search.name, 0)
    if not base.uses_own_code:
        return base
    values = {name: value for name, value in base.model_dump().items() if kind_of(name) is None}
    own = {kind: default_of(kind) for kind in KINDS if is_own(values[kind])}
    try:
        return TrainConfig.of({**values, **own})
    except ConfigError:  # of images that the reference model halves to nothing
        return base


def as_long_as_it_learnt(trial: TrialRecord) -> TrainConfig:
    """The configuration of a trial that is finished; with early stopping, with the epochs after which it was best, for
    a retraining has no photographs left to stop by.
    """
    config = trial.config
    if not config.early_stopping_patience or not trial.epochs:
        return config
    best = max(trial.epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.epoch))
    return config.model_copy(update={"epochs": best.epoch})


def evidence_of(search: StoredStudy, config: TrainConfig) -> Evidence | None:
    """What lies beside a search, of the configuration that it recommends now; None where nothing has finished."""
    best = _retrained(search, config, BEST)
    if best is None:
        return None
    base = reference_of(search.study)
    if fixed_of(base) == fixed_of(config):
        return Evidence(best, None, {}, _alone(best, search.study))
    reference = _retrained(search, base, REFERENCE)
    if reference is None:
        return Evidence(best, None, {}, f"{_retrained_text(best, search.study)}.")
    both_learn = best.learning.is_reliable and reference.learning.is_reliable
    pair = paired(best, reference, search.study.measure) if both_learn else None
    margin = search.study.margin
    differences = {what: decided([estimate], margin)[0] for what, estimate in pair.of.items()} if pair else {}
    return Evidence(best, reference, differences, _sentence(best, reference, differences, search.study))


def _retrained(search: StoredStudy, config: TrainConfig, what: str) -> LevelAnswer | None:
    wanted = fixed_of(config)
    for study in beside(search, f"{search.study.name}-{what}"):
        if study.study.fixed == wanted:
            (level,) = compare(study.study, study.records)
            if level.trials:
                return level
    return None


def _alone(best: LevelAnswer, search: Study) -> str:
    return f"{_retrained_text(best, search)}. It is the reference model: the search found nothing better."


def _retrained_text(best: LevelAnswer, search: Study) -> str:
    return f"Retrained on {count(len(best.trials), 'new seed')} with all TRAIN photographs, {_does(best, search)}"


def _does(level: LevelAnswer, search: Study) -> str:
    test = share_text(level.accuracy["test"])
    if search.measure == DEFAULT:
        return f"it classifies {test} of the test images correctly"
    return f"it has a test {search.measure_words} of {test}"


def _sentence(best: LevelAnswer, reference: LevelAnswer, differences: dict[Compared, Difference], search: Study) -> str:
    text = f"{_retrained_text(best, search)}, the reference model {share_text(reference.accuracy['test'])}"
    test = differences.get("test")
    if test is None:
        few = "The two are not compared: that takes two seeds at which both learn, and 80 % of the seeds of each."
        return f"{text}. {few}"
    verdict = verdict_text(test)
    if test.verdict == "equivalent":
        verdict += f", to within {points_text(test.margin)}"
    return f"{text}. {compared_text(test, len(best.trials))}: {verdict}."
