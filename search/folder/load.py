"""A study as it lies in the folder of runs: what was asked, on which images, and every trial so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from search.errors import SettingsError, StorageError
from search.folder.figure import figure_of
from search.folder.journal import read_trials
from search.folder.lock import holder_of
from search.folder.manifest import has_manifest, read_manifest, study_folders
from search.folder.names import last_of
from search.folder.record import DataInfo, TrialRecord
from search.settings import Places
from search.study import Study
from search.study.constraints import keeps
from search.study.design import Result, is_at_most, trial_count
from search.study.space import ParamValue


@dataclass(frozen=True)
class StoredStudy:
    """A study as it lies in the folder of runs.

    Attributes:
        name: it runs under, as `pooling-demo-quick`.
        study: the design.
        data: the images; None where a run ended before they were read.
        command: the command line that runs it.
        records: of every trial that was begun, by number.
        holder: who works on it now, in words; None for nobody.
        folder: where it lies.
        quick: whether it was cut short (`--quick`).
        left: in a study with looks, the levels that have left, and after how many replicates.
        seen: replicates at which a result was seen before more were asked for, without looks that were planned.
        uid: the id by which stores know it; empty in the oldest.
    """

    name: str
    study: Study
    data: DataInfo | None
    command: str
    records: tuple[TrialRecord, ...]
    holder: str | None = None
    folder: Path | None = None
    quick: bool = False
    left: Mapping[ParamValue, int] = field(default_factory=dict)
    seen: tuple[int, ...] = ()
    uid: str = ""

    @property
    def is_demo(self) -> bool:
        """Whether the study is of the drawn images."""
        return self.data is not None and self.data.is_demo

    @property
    def total(self) -> int:
        """How many trials it has in the end; at most, where `is_at_most`."""
        return max(trial_count(self.study, self.left, self.results), len(self.records))

    @property
    def is_at_most(self) -> bool:
        """Whether it may have fewer trials than `total` (`search.study.design.is_at_most`)."""
        return is_at_most(self.study, self.left, self.results)

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """Of the trials that are over, as the plan of a study takes them."""
        return tuple(
            (record.params, record.role, figure_of(self.study, record)) for record in self.records if record.terminal
        )

    def keeps(self, record: TrialRecord) -> bool:
        """Whether a trial keeps the constraints of the study, as far as is known of it."""
        return keeps(self.study.constraints, record.events)

    @property
    def progress(self) -> str:
        """How far it is: `7 of 18 trials`, `7 of at most 80 trials`."""
        return f"{self.over} of {'at most ' if self.is_at_most else ''}{self.total} trials"

    @cached_property
    def over(self) -> int:
        """How many of its trials have an outcome."""
        return sum(record.terminal is not None for record in self.records)

    @property
    def is_over(self) -> bool:
        """Whether all of its trials have an outcome."""
        return self.over >= self.total

    @cached_property
    def finished(self) -> tuple[TrialRecord, ...]:
        """The trials that reached their end."""
        return tuple(record for record in self.records if record.finished)

    @cached_property
    def searched(self) -> tuple[TrialRecord, ...]:
        """Those of them that a search proposed; not what it trained again."""
        return tuple(record for record in self.finished if record.role != "confirm")

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the model's outputs."""
        if self.data is not None:
            return self.data.class_names
        ends = [record.finished for record in self.finished]
        n = len(ends[0].splits["test"].recall) if ends and ends[0] else 0
        return tuple(f"class {number}" for number in range(n))


def recorded(folder: Path) -> StoredStudy:
    """The study in a folder.

    Raises:
        StorageError: a file there is not what it should be.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise StorageError(f"{folder}: no study was begun here")
    study, record = manifest.study, manifest.record
    trials = tuple(read_trials(folder / "trials"))
    holder, left = holder_of(folder), dict(record.left)
    return StoredStudy(
        record.name,
        study,
        record.data,
        record.command,
        trials,
        holder,
        folder,
        record.quick,
        left,
        record.seen,
        record.uid,
    )


def names(places: Places) -> list[str]:
    """The studies that lie in the folder of runs."""
    return list(study_folders(places))


def find(name: str, places: Places) -> StoredStudy:
    """The study of this name, after --fresh the last one, as `search.run` goes on with it; the first is `pooling-1`
    then. For `pooling`, where there is none, the one of `pooling-demo-quick` and its like that changed last.

    Raises:
        SettingsError: there is none; lists what there is.
    """
    there = names(places)
    first = name.removesuffix("-1")
    if name not in there and first in there:
        return recorded(places.study(first))
    if name in there:
        manifest = read_manifest(places.study(name))
        assert manifest is not None
        return recorded(places.study(last_of(name, manifest.study.name, places)))
    kin = _runs_of(name, places)
    if not kin:
        listing = ", ".join(there) or "none yet"
        raise SettingsError(f"{name}: no such study in {places.runs / 'studies'}; there are: {listing}")
    return max(kin, key=lambda study: max((record.started_at for record in study.records), default=0.0))


def find_all(bases: Iterable[str], places: Places) -> list[StoredStudy]:
    """Of each question the study on real images at full length, else the nearest to it; those never begun are left out.

    After --fresh the last one counts.
    """
    found = []
    for base in bases:
        kin = [study for study in _runs_of(base, places) if study.records]
        if kin:
            found.append(min(kin, key=lambda study: (study.is_demo, study.quick, -_number(study))))
    return found


def beside(study: StoredStudy, base: str) -> list[StoredStudy]:
    """What a study file of this name has begun on the same images beside a study, the last first."""
    if study.folder is None or study.data is None:
        return []
    folders = [folder for folder in study.folder.parent.glob(f"{base}*") if has_manifest(folder)]
    found = [other for other in map(recorded, folders) if other.study.name == base and other.data is not None]
    same = [
        other
        for other in found
        if other.data and other.data.fingerprint == study.data.fingerprint and other.quick == study.quick
    ]
    return sorted(same, key=_number, reverse=True)


def _runs_of(base: str, places: Places) -> list[StoredStudy]:
    """All that a study file of this name has begun: on the demo set, quick ones, fresh ones."""
    near = [recorded(places.study(name)) for name in names(places) if name.startswith(base)]
    return [study for study in near if study.study.name == base]


def _number(study: StoredStudy) -> int:
    tail = study.name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 1
