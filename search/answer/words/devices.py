"""Devices of different kinds in one study: which trials each trained, and whether levels can be told from devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from search.answer.words.wording import combined, count, listed
from search.folder.record import TrialRecord
from search.study import Study
from search.study.factorial import cells, reference_cell

BACKENDS = ("tensorflow", "jax", "torch")


def kind_of(record: TrialRecord) -> str:
    """The kind of device of a trial, and what computed there: as `NVIDIA H200, tensorflow 2.21.0`."""
    ready = record.ready
    software = [f"{name} {ready.versions[name]}" for name in BACKENDS if name in ready.versions]
    return ", ".join([ready.device_name, *software])


def device_facts(study: Study, records: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    """Which trials each kind of device trained, and what that means for the comparison; empty where all are alike."""
    trials: dict[str, list[int]] = defaultdict(list)
    for record in records:
        trials[kind_of(record)].append(record.number)
    if len(trials) < 2:
        return []
    shares = [f"{kind}: {count(len(numbers), 'trial')} ({_spans(numbers)})" for kind, numbers in trials.items()]
    found = [("Trials by device", "; ".join(shares))]
    replicates = _replicates(study, records)
    if replicates:
        found.append(("Devices and levels", " ".join([_seeds(replicates), *device_caveats(study, records)])))
    return found


def device_caveats(study: Study, records: Sequence[TrialRecord]) -> list[str]:
    """A sentence for the levels whose trainings share no kind of device with those of the reference level."""
    replicates = _replicates(study, records)
    kinds: dict[str, set[str]] = defaultdict(set)
    for record in replicates:
        kinds[combined({name: record.params[name] for name in study.factors})].add(kind_of(record))
    levels, base = [combined(cell) for cell in cells(study)], combined(reference_cell(study))
    reference = kinds.get(base, set())
    apart = [level for level in levels if level in kinds and reference and not kinds[level] & reference]
    if not apart:
        return []
    verb = "was" if len(apart) == 1 else "were"
    return [
        f"Confounded: {listed(apart)} {verb} trained on other kinds of devices than {base}, so "
        "that a difference between them may be one of the devices."
    ]


def _replicates(study: Study, records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trainings that levels are compared by, where there is more than one kind of device."""
    found = [record for record in records if study.factors and record.role == "replicate" and record.finished]
    return found if len({kind_of(record) for record in found}) > 1 else []


def _seeds(replicates: Sequence[TrialRecord]) -> str:
    kinds: dict[int, set[str]] = defaultdict(set)
    for record in replicates:
        kinds[record.config.seed].add(kind_of(record))
    mixed = sorted(seed for seed, found in kinds.items() if len(found) > 1)
    if not mixed:
        return "All levels of a seed were trained on one kind of device, so that the comparison holds the device fixed."
    which = f"{'seed' if len(mixed) == 1 else 'seeds'} {listed([str(seed) for seed in mixed])}"
    return (
        f"At {which} (of {count(len(kinds), 'seed')}) levels were trained on different kinds of devices: differences "
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
