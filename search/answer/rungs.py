"""What pruning did: who was stopped at which rung, and how many epochs that saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from search.answer.words.wording import count
from search.folder.curve import curve_of, planned_epochs, start_so_far
from search.folder.load import StoredStudy
from search.folder.record import TrialRecord
from search.study.pruners import PRUNERS, Curve, threshold
from trainer.events import Stopped


@dataclass(frozen=True)
class Rung:
    """One rung.

    Attributes:
        epoch: after the start of learning.
        reached: how many trainings were ranked there.
        stopped: how many of them were stopped.
        needed: what a training needs to go on by now; None while too few have reached it. Where trials are dealt out to
            brackets, of all of them together.
    """

    epoch: int
    reached: int
    stopped: int
    needed: float | None


@dataclass(frozen=True)
class Pruned:
    """What pruning did in a search.

    Attributes:
        stopped: trainings that were stopped.
        at_chance: those of them that never left chance.
        saved: epochs that they would have had.
        trained: epochs of all trials of the search that are over.
        rungs: the first first; empty for a pruner that has none.
    """

    stopped: int
    at_chance: int
    saved: int
    trained: int
    rungs: tuple[Rung, ...]


def pruned(recorded: StoredStudy) -> Pruned | None:
    """What pruning did so far; None for a study that does not prune."""
    search = recorded.study.search
    if search is None or PRUNERS[search.pruner].stops is None:
        return None
    over = [record for record in recorded.records if record.role == "search" and record.terminal]
    stopped = [record for record in over if isinstance(record.terminal, Stopped)]
    return Pruned(
        stopped=len(stopped),
        at_chance=sum(start_so_far(record) is None for record in stopped),
        saved=sum(max(0, planned_epochs(record) - len(record.epochs)) for record in stopped),
        trained=sum(len(record.epochs) for record in over),
        rungs=_rungs(recorded, over, search.pruner),
    )


def _rungs(recorded: StoredStudy, over: Sequence[TrialRecord], pruner: str) -> tuple[Rung, ...]:
    rungs_of = PRUNERS[pruner].rungs
    if rungs_of is None:
        return ()
    curves = {record.number: curve_of(record, recorded.study.measure) for record in over}
    rivals = {record.number for record in over if recorded.keeps(record)}  # others are not ranked against the rest
    ranked: dict[int, list[Curve]] = {}
    for curve in curves.values():
        for rung in rungs_of(curve.length, curve.number):
            if curve.reaches(rung):
                ranked.setdefault(rung, []).append(curve)
    ends: Counter[int] = Counter()
    for record in over:
        mine = [rung for rung, there in ranked.items() if curves[record.number] in there]
        if isinstance(record.terminal, Stopped) and mine:
            # One that never left chance is ranked at all rungs at once, and stopped at the first.
            ends[min(mine) if start_so_far(record) is None else max(mine)] += 1
    return tuple(
        Rung(
            rung,
            len(there),
            ends[rung],
            threshold([curve.values[rung - 1] for curve in there if curve.number in rivals]),
        )
        for rung, there in sorted(ranked.items())
    )


def pruned_text(recorded: StoredStudy) -> str | None:
    """What was stopped and saved, in a sentence without its end; None for a study that does not prune."""
    found = pruned(recorded)
    if found is None:
        return None
    if not found.stopped:
        return "no training was stopped so far"
    idle = f", {found.at_chance} of them at chance" if found.at_chance else ""
    planned = found.trained + found.saved
    return (
        f"{count(found.stopped, 'training')} stopped{idle}: {found.saved:,} of {planned:,} epochs saved "
        f"({found.saved / planned:.0%})"
    )
