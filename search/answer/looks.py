"""A study that looks at its results while it runs: which levels leave at which look, decided or not.

A pure function of the study and its records: whoever asks, and how often a run was interrupted, the answer is the same.
At a look the first n replicates of every level that is still in are taken, whatever else is trained by then. A level
leaves

    decided     higher, lower or equivalent, with the error spent over looks and levels
    hopeless    where the last look has little chance to decide it (`statistics.sequential.chance_to_decide`)
    not learning   where it would learn at too few seeds to be ranked even if it learnt at all that are left
    failed      where no training of it has finished
    the end     at the last look

and keeps what is found at its look; it is compared with the reference level's replicates up to there. The last four
claim nothing, so they add no error, and what is decided does not rest on anybody's leaving by them (they are not
binding). A replicate whose training failed is over, and makes no pair. The reference level stays as long as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from search.answer.learning import Learning
from search.answer.levels import COMPARED, Compared, LevelAnswer, Paired, disagreeing, levels_of, rankable, with_starts
from search.answer.statistics.sequential import HOPELESS, Look, chance_to_decide
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM, SIGNIFICANT, Difference, decided
from search.folder.record import TrialRecord
from search.study import Study
from search.study.space import ParamValue

Why = Literal["decided", "hopeless", "not learning", "failed", "the end"]


class Departure(NamedTuple):
    """A level that has left.

    Attributes:
        replicates: after how many.
        why: see above.
    """

    replicates: int
    why: Why


@dataclass(frozen=True)
class Course:
    """How far a study has come.

    Attributes:
        levels: with the differences found at their last look; those in which no look was taken have none.
        departures: of the levels that have left; the reference level leaves with the last of them.
        due: the replicates of each level that are wanted by now.
        taken: replicates after which looks have been taken.
    """

    levels: tuple[LevelAnswer, ...]
    due: Mapping[ParamValue, int]
    departures: Mapping[ParamValue, Departure] = field(default_factory=dict)
    taken: tuple[int, ...] = ()

    @property
    def left(self) -> dict[ParamValue, int]:
        """After how many replicates each level has left."""
        return {level: departure.replicates for level, departure in self.departures.items()}

    def seen_at(self, level: ParamValue | None) -> int:
        """The replicates of the look that this level's differences are of."""
        left = self.departures.get(level) if level is not None else None
        return left.replicates if left is not None else self.taken[-1]


def course(study: Study, records: Iterable[TrialRecord]) -> Course:
    """What the looks of a study have found by now.

    Args:
        study: a question with looks.
        records: of its trials.
    """
    assert study.factor is not None
    assert study.reference is not None
    records = [record for record in records if record.role == "replicate"]
    over = {(record.params[study.factor], record.config.seed) for record in records if record.terminal}
    others = [level for level in study.levels if level != study.reference]
    departures: dict[ParamValue, Departure] = {}
    found: dict[ParamValue, Found] = {}
    taken: list[int] = []
    due = dict.fromkeys(study.levels, 0)
    for place, replicates in enumerate(study.looks):
        stay = [level for level in others if level not in departures]
        due.update(dict.fromkeys((*stay, study.reference), replicates))
        if not all((level, seed) in over for level in (*stay, study.reference) for seed in range(replicates)):
            break
        look = Look(study.looks, place)
        taken.append(replicates)
        levels = levels_of(study, [record for record in records if record.config.seed < replicates])
        reference = next(level for level in levels if level.is_reference)
        now = {level.level: level for level in levels if level.level in stay and level.level is not None}
        for name, level in now.items():
            found.pop(name, None)  # what an earlier look found
            if pair := rankable(level, reference, study.measure):
                found[name] = Found(pair, look)
        tests = together(found, study.margin, len(others))["test"]
        claimed = sum(difference.is_clear for difference in tests.values())
        for name, level in now.items():
            why = _why(level, reference, tests.get(name), look, len(others) - claimed)
            if why is not None:
                departures[name] = Departure(replicates, why)
        if len(departures) == len(others):
            last = max(departure.replicates for departure in departures.values())
            departures[study.reference] = Departure(last, "the end")
            break
    # What leaves undecided may be decided later: the more levels are claimed, the less is corrected for.
    for name, difference in together(found, study.margin, len(others))["test"].items():
        if name in departures and (difference.is_clear or difference.is_equivalent):
            departures[name] = departures[name]._replace(why="decided")
    return Course(_shown(study, records, found), due, departures, tuple(taken))


class Found(NamedTuple):
    """A level compared with the reference level at a look."""

    pair: Paired
    look: Look


def together(
    found: Mapping[ParamValue, Found], margin: float, several: int
) -> dict[Compared, dict[ParamValue, Difference]]:
    """Levels decided together, each at its look.

    Args:
        found: by level.
        margin: of equivalence.
        several: levels that the study compares with its reference level; those not found claim nothing.
    """
    looks = [one.look for one in found.values()]
    return {
        what: dict(
            zip(found, decided([one.pair.of[what] for one in found.values()], margin, looks, several), strict=True)
        )
        for what in COMPARED
    }


def _why(level: LevelAnswer, reference: LevelAnswer, found: Difference | None, look: Look, several: int) -> Why | None:
    """Why a level leaves at a look; None where it stays.

    Args:
        level: with its replicates up to the look.
        reference: likewise.
        found: their difference, where the two can be compared.
        look: the one of now.
        several: levels that are not known to differ, this one among them.
    """
    more = look.looks[-1] - look.replicates
    if found is not None and (found.is_clear or found.is_equivalent):
        return "decided"
    if not more:
        return "the end"
    if not level.trials or not reference.trials:
        return "failed"
    if not (_may_learn(level, more) and _may_learn(reference, more)):
        return "not learning"
    if found is None or not found.may_claim:
        pairs = found.estimate.n_seeds if found is not None else 0
        return None if pairs + more >= SEEDS_TO_CLAIM else "hopeless"
    one = found.estimate
    chance = chance_to_decide(one.value, one.variance, look, SIGNIFICANT / max(several, 1), found.margin)
    return "hopeless" if float(chance) < HOPELESS else None


def _may_learn(level: LevelAnswer, more: int) -> bool:
    """Whether it would learn at enough seeds to be ranked if it learnt at all that are left."""
    return Learning(level.learning.learnt + more, level.learning.seeds + more).is_reliable


def _shown(study: Study, records: Iterable[TrialRecord], found: Mapping[ParamValue, Found]) -> tuple[LevelAnswer, ...]:
    """Every level by all of its replicates, with the differences of its look."""
    all_together = together(found, study.margin, len(study.levels) - 1)
    drifting = disagreeing([one.pair for one in found.values()])
    disagrees = dict(zip(found, drifting, strict=True))
    levels = []
    for level in with_starts(levels_of(study, records)):
        name = level.level
        if name is not None and name in found:
            differences = {what: all_together[what][name] for what in COMPARED}
            level = replace(level, differences=differences, disagrees=disagrees[name])
        levels.append(level)
    return tuple(levels)
