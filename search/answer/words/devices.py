"""Devices of different kinds in one study: which trials each trained, and whether levels can be told from devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from search.answer.words.wording import combined, count, listed
from search.folder.device import kind_of
from search.folder.record import TrialRecord
from search.study import Study
from search.study.confirm import settings
from search.study.design import reference_params
from search.study.factorial import cells, reference_cell

REFERENCE = "the reference model"


def device_facts(study: Study, records: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    """Which trials each kind of device trained, and what that means for the comparison; empty where all are alike."""
    trials: dict[str, list[int]] = defaultdict(list)
    for record in records:
        trials[kind_of(record.ready)].append(record.number)
    if len(trials) < 2:
        return []
    shares = [f"{kind}: {count(len(numbers), 'trial')} ({_spans(numbers)})" for kind, numbers in trials.items()]
    found = [("Trials by device", "; ".join(shares))]
    compared = _compared(study, records)
    if compared:
        label = "Devices and configurations" if study.search else "Devices and levels"
        found.append((label, " ".join([_seeds(study, compared), *device_caveats(study, records)])))
    return found


def device_caveats(study: Study, records: Sequence[TrialRecord]) -> list[str]:
    """A sentence for the levels whose trainings share no kind of device with those of the reference level; of a search,
    for the best that were trained again, and the reference model.
    """
    kinds: dict[str, set[str]] = defaultdict(set)
    names = _names(study, records)
    for record in _compared(study, records):
        kinds[names[record.number]].add(kind_of(record.ready))
    base = REFERENCE if study.search else combined(reference_cell(study))
    order = dict.fromkeys(names.values()) if study.search else [combined(cell) for cell in cells(study)]
    reference = kinds.get(base, set())
    apart = [level for level in order if level in kinds and reference and not kinds[level] & reference]
    if not apart:
        return []
    verb = "was" if len(apart) == 1 else "were"
    again = " again" if study.search else ""
    return [
        f"Confounded: {listed(apart)} {verb} trained{again} on other kinds of devices than {base}, so "
        "that a difference between them may be one of the devices."
    ]


def _names(study: Study, records: Sequence[TrialRecord]) -> dict[int, str]:
    """What is compared in each trial, by number: a level, or the trial of a search whose settings it has."""
    if not study.search:
        names = study.factors
        return {
            record.number: combined({name: record.params[name] for name in names})
            for record in records
            if all(name in record.params for name in names)
        }
    base = reference_params(study)
    found: dict[int, str] = {}
    firsts: dict[tuple[object, ...], str] = {}
    for record in records:
        mine = settings(record.params)
        name = REFERENCE if mine == base else f"trial {record.number}"
        found[record.number] = firsts.setdefault(tuple(sorted(mine.items())), name)
    return found


def _compared(study: Study, records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trainings that levels, or the best of a search, are compared by, where devices are of more than one kind."""
    role = "confirm" if study.search else "replicate"
    asked = bool(study.search) or bool(study.factors)
    found = [record for record in records if asked and record.role == role and record.finished]
    return found if len({kind_of(record.ready) for record in found}) > 1 else []


def _seeds(study: Study, compared: Sequence[TrialRecord]) -> str:
    kinds: dict[int, set[str]] = defaultdict(set)
    for record in compared:
        kinds[record.config.seed].add(kind_of(record.ready))
    what = "configurations" if study.search else "levels"
    mixed = sorted(seed for seed, found in kinds.items() if len(found) > 1)
    if not mixed:
        return (
            f"All {what} of a seed were trained on one kind of device, so that the comparison holds the device fixed."
        )
    which = f"{'seed' if len(mixed) == 1 else 'seeds'} {listed([str(seed) for seed in mixed])}"
    return (
        f"At {which} (of {count(len(kinds), 'seed')}) {what} were trained on different kinds of devices: differences "
        "there hold those of the devices."
    )


def _spans(numbers: Sequence[int]) -> str:
    """Numbers as spans: `0-3, 7`."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
