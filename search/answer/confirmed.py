"""What a search recommends: the best of the few that were trained again, on new seeds, beside the reference model.

All were trained at the same seeds, none of which the search had used, and in turn on all folds: the search used those
too, one a trial, so that each was chosen by the photographs of one of them. They are ranked by the mean of the
measure that decides over these seeds, on validation; the test images measure, and choose nothing. Of a search that went
on after that, the best are chosen anew, and those that were trained again before stay beside them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from search.answer.levels import LevelAnswer, compare_groups
from search.answer.statistics.simultaneous import Difference
from search.answer.words.wording import count, difference_text, p_text, share_text, word
from search.folder.load import StoredStudy
from search.folder.record import TrialRecord
from search.study import Study
from search.study.confirm import CANDIDATES, candidates, confirmed_before, is_searched, settings
from search.study.constraints import excess
from search.study.design import reference_params
from search.text import shown

NO_REFERENCE = "No reference model is trained beside them: the space of the search does not contain it."


@dataclass(frozen=True)
class Candidate:
    """One of those that were trained again.

    Attributes:
        trial: of the search, the first of these settings.
        level: its trainings on new seeds, with the difference to the reference model.
        is_feasible: whether it keeps the constraints, in the search and, on average, when trained again.
    """

    trial: TrialRecord
    level: LevelAnswer
    is_feasible: bool = True

    @property
    def name(self) -> str:
        """What it is called: `trial 17`, `the reference model`."""
        return "the reference model" if self.level.is_reference else f"trial {self.trial.number}"

    @property
    def rank(self) -> float:
        """The mean of the measure that decides over the new seeds, on validation."""
        return self.level.accuracy["val"].value


@dataclass(frozen=True)
class Confirmed:
    """What training again says.

    Attributes:
        candidates: those that were trained again at all, the best by validation on the new seeds first.
        seeds: on how many they are trained.
        is_over: whether all of these trainings have ended.
        has_reference: whether the reference model is trained beside them; it is where the space contains it.
    """

    candidates: tuple[Candidate, ...]
    seeds: int
    is_over: bool
    has_reference: bool = True

    @property
    def is_undecided(self) -> bool:
        """Whether all of it is over, and nothing can be recommended."""
        return self.is_over and self.recommended is None

    @property
    def recommended(self) -> Candidate | None:
        """The first that learns reliably and keeps the constraints; None before all of it is over, and where none
        does.
        """
        if not self.is_over:
            return None
        return next((one for one in self.candidates if one.level.learning.is_reliable and one.is_feasible), None)


def confirmed(recorded: StoredStudy) -> Confirmed | None:
    """What training again says so far; None for a search that does not, and before its own trials are over."""
    study = recorded.study
    if study.search is None or not study.search.confirm or not is_searched(study, recorded.results):
        return None
    reference = reference_params(study)
    chosen = candidates(recorded.results, reference)
    chosen += confirmed_before(study, recorded.results, chosen)
    again = [trial for trial in recorded.records if trial.role == "confirm"]
    there = (*recorded.searched, *again)  # the reference model may have failed in the search
    firsts = [next((trial for trial in there if settings(trial.params) == params), None) for params in chosen]
    groups = [
        (params == reference, [trial for trial in again if settings(trial.params) == params]) for params in chosen
    ]
    levels = compare_groups(groups, study.margin, study.measure)
    found = [
        Candidate(trial, level, recorded.keeps(trial) and _keep(study, level.trials))
        for trial, level in zip(firsts, levels, strict=True)
        if trial is not None and level.trials
    ]
    fewest = min((sum(trial.terminal is not None for trial in trials) for _, trials in groups), default=0)
    return Confirmed(
        tuple(sorted(found, key=lambda one: (-one.rank, one.trial.number))),
        study.search.confirm,
        is_over=fewest >= study.search.confirm or not groups,
        has_reference=reference is not None,
    )


def going_on_text(recorded: StoredStudy) -> str | None:
    """What is trained again later, of a search that goes on; None where none does, and where it is over."""
    study = recorded.study
    if study.search is None or not study.search.confirm or is_searched(study, recorded.results):
        return None
    text = f"When the search is over, the best {CANDIDATES} by validation are trained again on "
    text += f"{count(study.search.confirm, 'new seed')}, and the recommendation is made among these."
    return text if reference_params(study) is not None else f"{text} {NO_REFERENCE}"


def ending_text(recorded: StoredStudy) -> str | None:
    """How a search that is not over may be ended with what it has; None for other studies, and where it is over."""
    search, made = recorded.study.search, sum(role == "search" for _, role, _ in recorded.results)
    if search is None or not made or is_searched(recorded.study, recorded.results):
        return None
    text = f"With --n-trials {made} it ends the search with the {count(made, 'trial')} that it has"
    return f"{text}, trains the best of them again, and recommends one." if search.confirm else f"{text}."


def seen_text(recorded: StoredStudy) -> str | None:
    """That a search went on when its best had been trained again, and what that does to the error; None where none did.

    What is over is seen, in part, as soon as one of those trainings has finished.
    """
    seen = [trial.finished_at for trial in recorded.records if trial.role == "confirm" and trial.finished_at]
    searched = [trial.started_at for trial in recorded.records if trial.role == "search"]
    before = sum(started <= min(seen) for started in searched) if seen else len(searched)
    if before == len(searched):
        return None
    return (
        f"The best of the first {count(before, 'trial')} had been trained again, and could be seen, before "
        f"{len(searched) - before} more were made: whoever goes on until they like the result finds differences where "
        "there are none more often than p says."
    )


def confirmed_text(found: Confirmed, measure: str) -> str:
    """What was done, what is recommended, and how it compares with the reference model, in sentences.

    Args:
        found: what training again says.
        measure: that decides, in words.
    """
    best, n = found.recommended, count(found.seeds, "new seed")
    if not found.is_over:
        return f"The best {CANDIDATES} by validation are being trained again on {n}; a recommendation follows."
    if best is None:
        if any(not one.is_feasible and not one.level.is_reference for one in found.candidates):
            why = "keeps the constraints and learns at 80 % of them"
        else:
            why = "learns at 80 % of them"
        return f"Trained again on {n}, none of the best {CANDIDATES} {why}: none is recommended."
    others = "" if best.level.is_reference or not found.has_reference else " beside the reference model"
    text = (
        f"Trained again on {n}{others}, the best of {count(len(found.candidates), 'configuration')} by validation is "
        f"{best.name} ({_described(best.trial)}): test {measure} {share_text(best.level.accuracy['test'])}"
    )
    reference = next((one for one in found.candidates if one.level.is_reference), None)
    if not found.has_reference:
        return f"{text}. {NO_REFERENCE}"
    if reference is None or best is reference:
        return f"{text}."
    text += f", the reference model {share_text(reference.level.accuracy['test'])}"
    test = best.level.differences.get("test")
    if test is None:
        return f"{text}. The two are not compared: that takes two seeds at which both learn, and 80 % of each."
    return f"{text}. {compared_text(test, found.seeds)}: {verdict_text(test)}."


def compared_text(test: Difference, seeds: int) -> str:
    """The difference to the reference model, and its p where it may claim one, as the beginning of a sentence.

    Args:
        test: the difference.
        seeds: on which both were trained.
    """
    p = f", p {p_text(test.p)}" if test.may_claim else ""
    pairs = test.estimate.n_seeds
    where = "The" if pairs == seeds else f"At the {count(pairs, 'seed')} where both learnt, the"
    return f"{where} difference is {difference_text(test.estimate)}{p}"


def verdict_text(test: Difference) -> str:
    """Whether a configuration beats the reference model, in words."""
    return {
        "higher": "it is better",
        "lower": "it is worse",
        "equivalent": "it performs as well",
        "cannot tell": "this does not show which is better",
        "too few seeds": "there are too few seeds to decide which is better",
    }[test.verdict]


def _keep(study: Study, trials: Sequence[TrialRecord]) -> bool:
    """Whether trainings keep the constraints on average."""
    shares = [excess(study.constraints, trial.events) for trial in trials if trial.finished]
    return all(statistics.fmean(share[name] for share in shares) <= 0 for name in study.constraints if shares)


def _described(trial: TrialRecord) -> str:
    return ", ".join(f"{word(name)} {shown(value)}" for name, value in trial.params.items())
