"""Progress for people: bars and a row a slot on a terminal, plain lines where there is none."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from search.console.callbacks import Tally, View
from search.console.time_left import TimeLeft
from search.folder.record import TrialRecord
from search.text import duration
from trainer.events import Failed, Finished, Ready, Stopped

WIDTH = 120  # of a log: nothing says how wide it will be read


def outcome(record: TrialRecord) -> str:
    """A trial that is over, in one line."""
    took = duration((record.finished_at or record.started_at) - record.started_at)
    end = record.terminal
    if isinstance(end, Finished):
        accuracy = ", ".join(f"{name} {split.accuracy:.3f}" for name, split in end.splits.items())
        vram = f", {end.vram_peak_mib:,.0f} MiB" if end.vram_peak_mib is not None else ""
        return f"{accuracy}{vram} in {took}"
    if isinstance(end, Failed):
        return f"{end.kind}: {end.message.splitlines()[0][:160]}"
    if isinstance(end, Stopped):
        return f"pruned after epoch {end.epoch}"
    return "no outcome"


class Lines(View):
    """A line an event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()
        self._images_said = 0.0

    def begin(self, name: str, tally: Tally) -> None:
        self._print(f"{name}: {tally.of} trials, {tally.over} of them over")

    def images(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._images_said > 5:
            self._images_said = time.monotonic()
            self._print(f"reading images: {done:,} of {total:,}")

    def photographs(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._images_said > 5:
            self._images_said = time.monotonic()
            self._print(f"looking for photographs: {done:,} of {total:,}")

    def slot_ready(self, slot: int, ready: Ready) -> None:
        self._print(f"slot {slot} is ready: {ready.backend} on {ready.device_name}")

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        if record.terminal is not None:
            self._print(f"trial {record.number} ({tally.over} of {tally.of}) {record.label}: {outcome(record)}")

    def say(self, sentence: str) -> None:
        self._print(sentence)

    def _print(self, line: str) -> None:
        self._console.print(
            f"[{time.monotonic() - self._begun:7.1f} s] {line}", markup=False, highlight=False, soft_wrap=True
        )


class Bars(View):
    """The study's bar with the time left, a row a slot, and the best trial so far."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._images = self._progress.add_task("reading images", total=None, left="", visible=False)
        self._photographs = self._progress.add_task("looking for photographs", total=None, left="", visible=False)
        self._study = self._progress.add_task("starting", total=None, left="")
        self._slots: dict[int, TrialRecord | str] = {}
        self._tally: Tally | None = None
        self._time_left, self._said_left = TimeLeft(), ""
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def begin(self, name: str, tally: Tally) -> None:
        self._tally = tally
        self._progress.update(self._study, description=name, total=tally.total, completed=tally.over)

    def images(self, done: int, total: int) -> None:
        self._progress.update(self._images, total=total, completed=done, visible=done < total)

    def photographs(self, done: int, total: int) -> None:
        self._progress.update(self._photographs, total=total, completed=done, visible=done < total)

    def slot_ready(self, slot: int, ready: Ready) -> None:
        self._slots[slot] = "ready"

    def slot_gone(self, slot: int) -> None:
        self._slots.pop(slot, None)

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        self._tally = tally
        if record.terminal is not None:
            self._slots[record.slot] = "idle"
            self._time_left.over(record)
            if not isinstance(record.terminal, Finished):
                self.say(f"trial {record.number} {record.label}: {outcome(record)}")
        else:
            self._slots[record.slot] = record
        self._progress.update(self._study, total=tally.total, completed=tally.over, left=self._left(tally))

    def say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, highlight=False)

    def end(self) -> None:
        self._live.stop()

    def _left(self, tally: Tally) -> str:
        running = [r for r in self._slots.values() if isinstance(r, TrialRecord)]
        left_s = self._time_left.left_s(tally, running)
        if left_s is None:
            return self._said_left
        at_most = tally.at_most or any(r.config.epochs_after_start for r in running)
        self._said_left = f"{'at most about' if at_most else 'about'} {duration(left_s)} left"
        return self._said_left

    def _render(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("slot", "trial", "params", "epoch", "train", "val", "images/s", "VRAM"):
            table.add_column(
                column, justify="left" if column in ("params",) else "right", style="dim" if column == "slot" else ""
            )
        for number, at in sorted(self._slots.items()):
            if isinstance(at, str):
                table.add_row(str(number), "", at)
                continue
            last = at.epochs[-1] if at.epochs else None
            figures = ("", "", "", "")
            if last:
                vram = f"{last.vram_peak_mib:,.0f} MiB" if last.vram_peak_mib is not None else "-"
                figures = (f"{last.train_accuracy:.3f}", f"{last.val_accuracy:.3f}", f"{last.images_per_s:,.0f}", vram)
            most = "≤" if at.config.epochs_after_start else ""
            epoch = f"{len(at.epochs)}/{most}{at.config.epochs}"
            table.add_row(str(number), str(at.number), at.label, epoch, *figures)
        parts: list[RenderableType] = [self._progress]
        if self._slots:
            parts.append(table)
        if self._tally and self._tally.best and self._tally.best.finished:
            best = self._tally.best
            parts.append(Text(f"best so far: trial {best.number} {best.label}: {outcome(best)}"))
        if self._tally and self._tally.behind:
            parts.append(Text(self._tally.behind, style="yellow"))
        return Group(*parts)


def view_for(console: Console) -> View:
    """Bars on a terminal, lines elsewhere."""
    return Bars(console) if console.is_terminal else Lines(console)
