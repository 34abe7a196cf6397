"""What is known of a study and of its trials, as MLflow, the pictures and the answer need it.

Plain data, made from the journal and the study file. Neither MLflow nor Keras is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from search.text import shown
from trainer.config import TrainConfig
from trainer.data.options import DataOptions, Leaks
from trainer.events import TERMINAL, Epoch, Event, Failed, Finished, Ready, Started, Stopped

ParamValue = str | int | float | bool
Role = Literal["replicate", "tuning", "search", "confirm"]
State = Literal["RUNNING", "COMPLETE", "PRUNED", "FAIL"]  # Optuna's names


DEMO = "The demo set: drawn cells. This says nothing about blood."  # stands beside every figure of it


@dataclass(frozen=True)
class DataInfo:
    """The folder of images that a study trains on.

    Attributes:
        name: a short name for people, as `blood-cells`.
        root: the folder.
        fingerprint: of the images' names and contents; equal data, equal fingerprint.
        is_demo: whether these are the drawn cells of the built-in set.
        images: how many, by split.
        photographs: how many, by split.
        class_names: in the order of the model's outputs.
        bad_files: how many were left out (`--skip-bad-files`).
        folds: how many folds validation rotates over; 1 where the folder has validation images of its own. `images`
            and `photographs` count train and val in the first fold.
        grouping: of the photographs and the splits: equal evidence, equal digest.
        photographs_by: how photographs are known, in a few words; empty in studies of version 0.1, which believed the
            files' names.
        photographs_record: the id of the record in the image cache that slots split by.
        photographs_rule: what the user said (`--photographs`); None: nothing.
        leaks: what was done about photographs that stand in several splits (`--leaks`).
        notes: what a person should know of the images, in sentences.
        caveats: those of them that must stand beside every figure.
    """

    name: str
    root: str
    fingerprint: str
    is_demo: bool
    images: Mapping[str, int]
    photographs: Mapping[str, int]
    class_names: tuple[str, ...]
    bad_files: int = 0
    folds: int = 1
    grouping: str = ""
    photographs_by: str = ""
    photographs_record: str = ""
    photographs_rule: str | None = None
    leaks: Leaks = "stop"
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def options(self) -> DataOptions:
        """How the folder was read, to read it again."""
        return DataOptions(self.photographs_rule, self.leaks, self.bad_files > 0)


@dataclass(frozen=True)
class StudyRecord:
    """A study: its question, its design and what it runs on.

    Attributes:
        name: of the study, the Optuna study and the MLflow experiment.
        question: in plain English.
        kind: `levels`, `factorial`, `search` or `reference`.
        design: the study file in canonical form, fit for JSON. Its table `fixed` holds settings of `TrainConfig`.
        data: the images.
        versions: of the controller's packages, by name.
        git_commit: of the checkout, where there is one.
        command: the command line that started the study.
        optuna_storage: where the Optuna study is, without a password.
        optuna_page: of the study on the Optuna dashboard, where it is known.
        quick: whether it was cut short (`--quick`).
        left: in a study with looks, levels that have left, each with the number of its replicates.
        seen: replicates at which a result was seen before more were asked for, without looks that were planned.
        uid: the id of the study's folder, by which stores know it: names are used again, and renamed.
        claims: whether what a store has under the study's name, without an id, is its own: it was begun before there
            were ids.
        owner: who runs it, as `ada@lab1`; empty: not noted.
        place: where its folder is, as `lab1:/data/runs/studies/pooling`; empty: not noted.
    """

    name: str
    question: str
    kind: str
    design: Mapping[str, Any]
    data: DataInfo
    versions: Mapping[str, str]
    git_commit: str | None
    command: str
    optuna_storage: str
    optuna_page: str | None = None
    quick: bool = False
    left: tuple[tuple[ParamValue, int], ...] = ()
    seen: tuple[int, ...] = ()
    uid: str = ""
    claims: bool = False
    owner: str = ""
    place: str = ""


@dataclass(frozen=True)
class TrialRecord:
    """A trial: what was asked, who ran it, what came back so far.

    A trial that is trained again after an interruption is a new record: same number and params, later `started_at`.

    Attributes:
        study: the study's name.
        number: the trial's, within the study.
        params: the sampled values.
        role: what the trial is for in the study's design.
        config: params with everything fixed.
        ready: the slot's own introduction.
        events: started, epochs and, once it is over, one terminal event.
        started_at: seconds since 1970.
        finished_at: seconds since 1970; None while it runs.
        slot: the slot's number.
    """

    study: str
    number: int
    params: Mapping[str, ParamValue]
    role: Role
    config: TrainConfig
    ready: Ready
    events: tuple[Event, ...]
    started_at: float
    finished_at: float | None
    slot: int

    @property
    def started(self) -> Started | None:
        """The first event, once the training has begun."""
        return next((event for event in self.events if isinstance(event, Started)), None)

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs that are over, in order."""
        return tuple(event for event in self.events if isinstance(event, Epoch))

    @property
    def terminal(self) -> Finished | Failed | Stopped | None:
        """The last event, once the trial is over."""
        return next((event for event in self.events if isinstance(event, TERMINAL)), None)

    @property
    def finished(self) -> Finished | None:
        """The last event of a training that reached its end."""
        return self.terminal if isinstance(self.terminal, Finished) else None

    @property
    def state(self) -> State:
        """Optuna's state. Out of memory is infeasible, which Optuna's samplers learn from PRUNED, not from FAIL."""
        match self.terminal:
            case None:
                return "RUNNING"
            case Finished():
                return "COMPLETE"
            case Failed(kind="out_of_memory") | Stopped():
                return "PRUNED"
            case _:
                return "FAIL"

    @property
    def short_name(self) -> str:
        """The trial in a word or two, for a narrow column: `max s0`; of a search its number, `trial 12`."""
        if self.role == "search":
            return f"trial {self.number}"
        values = [_word(name, value) for name, value in self.params.items() if name != "seed"]
        return " ".join([*values, "tuning" if self.role == "tuning" else f"s{self.config.seed}"])

    @property
    def label(self) -> str:
        """The trial in a few words, as `pooling=max seed=0`."""
        named = {**self.params, "seed": self.config.seed}
        return " ".join(f"{name}={shown(value)}" for name, value in named.items())


def last_end(records: Iterable[TrialRecord]) -> float | None:
    """When the last of these trials ended, in seconds since 1970; None where none has."""
    return max((record.finished_at for record in records if record.finished_at is not None), default=None)


def _word(name: str, value: ParamValue) -> str:
    """A value that says of itself what it is of: names do; numbers, yes and no are few enough to be told apart."""
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    return shown(value)
