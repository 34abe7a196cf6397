"""Looks in plain English: which were planned, and what each of them decided."""

from __future__ import annotations

from collections.abc import Sequence

from search.answer.looks import Course, Why
from search.answer.words.sentence import Words, words
from search.answer.words.verdicts import opening
from search.answer.words.wording import count, listed, named_all, points_text
from search.study import Study
from search.study.space import ParamValue
from search.text import first_upper

BECAUSE: dict[Why, str] = {
    "hopeless": "as further replicates were unlikely to decide",
    "not learning": "as too few seeds learn",
    "failed": "as every training failed",
    "the end": "undecided, at the last look",
}


def with_looks(study: Study, found: Course) -> Words:
    """The answer of a question with looks: what is found, then how it came about."""
    said = words(study, found.levels)
    return said._replace(details=(*said.details, *planned(study), *decisions(study, found)))


def planned(study: Study) -> list[str]:
    """Which looks were agreed on; nothing without."""
    if not study.looks:
        return []
    return [
        f"Looks were planned after {listed([str(look) for look in study.looks])} replicates, before the first "
        f"training: test {study.measure_words} decides, the margin is {points_text(study.margin)}, an error of 5 % is "
        "spent over looks and levels, and intervals hold at all looks at once."
    ]


def decisions(study: Study, found: Course) -> list[str]:
    """Which look decided what, and what is still undecided."""
    factor = study.factor or ""
    start = opening(study)
    groups: dict[tuple[int, Why], list[ParamValue]] = {}
    for level, departure in found.departures.items():
        if level != study.reference:
            groups.setdefault((departure.replicates, departure.why), []).append(level)
    parts = []
    for (replicates, why), levels in sorted(groups.items()):
        after = f"after {count(replicates, 'replicate')}"
        if why == "decided":
            verdicts = [_verdict(found, level) for level in levels]
            parts.append(f"{named_all(factor, levels, notes=verdicts)} {_was(levels)} decided {after}")
        else:
            parts.append(f"{named_all(factor, levels)} left {after}, {BECAUSE[why]}")
    told = [first_upper(f"{start}{'; '.join(parts)}.")] if parts else []
    stay = [level for level in study.levels if level not in found.departures and level != study.reference]
    if stay:
        coming = next(look for look in study.looks if look not in found.taken)
        told.append(f"The next look, after {coming} replicates, is at {named_all(factor, stay)}.")
    return told


def _was(levels: Sequence[ParamValue]) -> str:
    return "was" if len(levels) == 1 else "were"


def _verdict(found: Course, level: ParamValue) -> str:
    return next(one.differences["test"].verdict for one in found.levels if one.level == level)


def look_text(study: Study, found: Course) -> str:
    """What has been decided by the last look that was taken, on one line, for whoever watches the run."""
    stay = [level for level in study.levels if level not in found.departures and level != study.reference]
    told = decisions(study, found)[:1] if found.departures else ["nothing is decided yet."]
    goes = f"{len(stay)} of {count(len(study.levels) - 1, 'level')} {'goes' if len(stay) == 1 else 'go'} on."
    return " ".join([f"Look after {count(found.taken[-1], 'replicate')}:", *told, goes if stay else "The study ends."])


def seen(replicates: Sequence[int]) -> list[str]:
    """That replicates were added after a result was seen, and what that does to the error."""
    if not replicates:
        return []
    at = listed([str(number) for number in replicates])
    return [
        f"Replicates were added after the result was seen (at {at}), without looks that had been planned: whoever goes "
        "on until a difference is found finds one more often than in 5 % of studies without any. "
        'Looks that are planned keep the error (seeds = "5 to 20").'
    ]
