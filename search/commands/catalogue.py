"""Every study that this folder of runs, Optuna's storage or MLflow knows: brought together by the ids of studies.

A study may be in all three, or be gone from some: its folder removed by hand, the study deleted in Optuna or in MLflow.
`problems` says so, with the command that mends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from search.addresses.urls import shown_url
from search.errors import SearchError
from search.folder.lock import holder_of
from search.folder.manifest import Manifest, has_manifest, is_gone, read_manifest, study_folders
from search.folder.owner import folder_here
from search.settings import Places
from search.stores.known import KnownStudy
from search.stores.optuna import studies_in
from search.stores.there import may_be_there
from trainer.outside import typed


@dataclass
class Entry:
    """A study, and where it is.

    Attributes:
        name: of its folder; of one without, that it has in the stores.
        folder: of the study, in this folder of runs; None: it has none here.
        manifest: of that folder.
        optuna: what Optuna's storage has of it.
        mlflow: what MLflow has of it.
    """

    name: str
    folder: Path | None = None
    manifest: Manifest | None = None
    optuna: list[KnownStudy] = field(default_factory=list)
    mlflow: list[KnownStudy] = field(default_factory=list)

    @property
    def stored(self) -> list[KnownStudy]:
        """What the stores have of the study."""
        return [*self.optuna, *self.mlflow]

    @property
    def owner(self) -> str:
        """Who ran it last, as `ada@lab1`; empty: not noted."""
        noted = [self.manifest.record.owner] if self.manifest else []
        return next((one for one in [*noted, *(study.owner for study in self.stored)] if one), "")

    @property
    def place(self) -> str:
        """Where its folder is, as the stores have it; empty: not noted."""
        return next((study.place for study in self.stored if study.place), "")

    @property
    def elsewhere(self) -> Path | None:
        """Its folder, in another folder of runs on this machine."""
        folder = folder_here(self.place) if self.folder is None else None
        return folder if folder is not None and has_manifest(folder) else None

    @property
    def where(self) -> list[str]:
        """Says in which of the three places the study is."""
        found = ["folder"] if self.folder else []
        found += ["Optuna"] if self.optuna else []
        return found + (["MLflow"] if any(study.state != "deleted" for study in self.mlflow) else [])


@dataclass
class Catalogue:
    """The studies, by name.

    Attributes:
        entries: the studies.
        damaged: folders whose manifests cannot be read.
        silent: of a store that could not be asked: why, by its name.
    """

    entries: list[Entry] = field(default_factory=list)
    damaged: list[SearchError] = field(default_factory=list)
    silent: dict[str, SearchError] = field(default_factory=dict)

    def named(self, name: str) -> list[Entry]:
        """The studies of this name: that with a folder here, and others whose folders are elsewhere or gone."""
        return [entry for entry in self.entries if entry.name == name]

    def problems(self, places: Places) -> list[str]:
        """What somebody removed by hand, a sentence each, with the command that mends it."""
        return [problem for entry in self.entries for problem in self._problems(entry, places)]

    def _problems(self, entry: Entry, places: Places) -> list[str]:
        rid = typed("search.delete", entry.name)
        if entry.manifest is None:
            if is_gone(entry.place) and entry.where:
                return [
                    f"{entry.name}: its folder {folder_here(entry.place)} is not there any more, "
                    f"{' and '.join(entry.where)} still {'has' if len(entry.where) == 1 else 'have'} it. Delete what "
                    f"is left: {rid}"
                ]
            return []
        back = f"Tell it again: {typed('search.sync', '--study', entry.name)}; or be rid of the study: {rid}"
        found = []
        if not entry.optuna and "Optuna" not in self.silent and _recorded_in(entry.manifest, places):
            found.append(f"{entry.name}: it was deleted in Optuna ({shown_url(places.storage_url)}). {back}")
        if not any(study.state != "deleted" for study in entry.mlflow) and "MLflow" not in self.silent:
            if entry.mlflow:
                key = entry.mlflow[0].key
                found.append(
                    f"{entry.name}: it was deleted in MLflow. Bring it back: mlflow experiments restore "
                    f"--experiment-id {key}, with MLFLOW_TRACKING_URI={shown_url(places.tracking_uri)}; or be rid of "
                    f"the study: {rid}"
                )
            elif entry.manifest.tracking in (None, shown_url(places.tracking_uri)):
                found.append(f"{entry.name}: MLflow ({shown_url(places.tracking_uri)}) does not know it. {back}")
        return found


def _recorded_in(manifest: Manifest, places: Places) -> bool:
    """Whether it is this storage that the study was recorded in."""
    return manifest.record.optuna_storage == shown_url(places.storage_url)


def catalogue(places: Places) -> Catalogue:
    """Asks all three. A store that does not answer is named in `silent`."""
    found = Catalogue()
    for name, folder in study_folders(places).items():
        try:
            manifest = read_manifest(folder)
        except SearchError as error:
            found.damaged.append(error)
            continue
        if manifest is not None:
            found.entries.append(Entry(name, folder, manifest))
    for study in _asked(found, "Optuna", places):
        _entry_of(found.entries, study).optuna.append(study)
    for study in _asked(found, "MLflow", places):
        _entry_of(found.entries, study).mlflow.append(study)
    found.entries.sort(key=lambda entry: (entry.name, entry.folder is None))
    return found


def _asked(found: Catalogue, store: str, places: Places) -> Sequence[KnownStudy]:
    try:
        if store == "Optuna":
            return studies_in(places.storage_url)
        if not may_be_there(places.tracking_uri):
            return []
        from search.stores.mlflow.catalog import Catalog  # imports mlflow: a second or two

        with Catalog(places.tracking_uri, places.artifacts) as catalog:
            return catalog.studies()
    except SearchError as error:
        found.silent[store] = error
        return []


def _entry_of(entries: list[Entry], study: KnownStudy) -> Entry:
    """The study's entry, made where there is none."""
    same = [entry for entry in entries if _is(entry, study)]
    if not same:
        entries.append(Entry(study.study))
        return entries[-1]
    # A folder that was copied beside the first has its id; the first is that of the name.
    return next((entry for entry in same if entry.name == study.study), same[0])


def _is(entry: Entry, study: KnownStudy) -> bool:
    if entry.manifest is None:
        other = entry.stored[0]
        return other.uid == study.uid if study.uid or other.uid else other.study == study.study
    record = entry.manifest.record
    if study.uid:
        return record.uid == study.uid
    return record.name == study.study and (record.claims or not record.uid)  # from before there were ids


def running(entry: Entry) -> str | None:
    """Who works on the study now, in words; None: nobody that is known of."""
    return holder_of(entry.folder) if entry.folder else None
