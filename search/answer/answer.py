"""`Answer`: what a study found, ready to be said, drawn and laid out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from search.answer.factorial import Factorial, factorial
from search.answer.levels import LevelAnswer, compare, levels_of, with_starts
from search.answer.looks import Course, course
from search.answer.search_result import SearchAnswer, search_answer
from search.answer.statistics.planning import Effort, effort
from search.answer.tuned import CrossFit, cross_fitted, tuned_text
from search.answer.words.devices import device_caveats
from search.answer.words.factorial import effort_of_main, factorial_words
from search.answer.words.looks import seen, with_looks
from search.answer.words.sentence import Words, prefix, words
from search.folder.load import StoredStudy
from search.folder.record import DEMO


@dataclass(frozen=True)
class Answer:
    """The answer of one study.

    Attributes:
        recorded: what it rests on.
        levels: of a question or of the reference study; empty for a search.
        search: of a search; None for the other kinds.
        words: in plain English, without the notes on progress and on the demo set.
        course: of a study with looks, which level left at which.
        tuned: of a study with `tune`, which learning rate each level got; `levels` are of the trainings that measure.
        factorial: of a study that crosses two parameters; `levels` are its cells.
    """

    recorded: StoredStudy
    levels: tuple[LevelAnswer, ...]
    search: SearchAnswer | None
    words: Words
    course: Course | None = None
    tuned: CrossFit | None = None
    factorial: Factorial | None = None

    @property
    def sentence(self) -> str:
        """All of it, with how far the study is and what it must not be taken for."""
        parts = [self.headline, *self.words.details, *self.caveats]
        return " ".join(parts)

    @property
    def headline(self) -> str:
        """The first sentence, with how far the study is."""
        return prefix(self.recorded) + self.words.headline

    @property
    def caveats(self) -> list[str]:
        """What must stand beside every figure: drawn cells, photographs that are not known, leaks that were kept,
        replicates that were added after the result was seen, levels that cannot be told from devices.
        """
        data, devices = self.recorded.data, device_caveats(self.recorded.study, self.recorded.records)
        kept = data.caveats if data is not None else ()
        return [*([DEMO] if self.is_demo else []), *kept, *seen(self.recorded.seen), *devices]

    @property
    def is_demo(self) -> bool:
        """Whether the images are the drawn ones."""
        return self.recorded.data is not None and self.recorded.data.is_demo

    @property
    def reference(self) -> LevelAnswer | None:
        """The level that the others are compared with, once a trial of it has finished."""
        return next((level for level in self.levels if level.is_reference and level.trials), None)

    @property
    def best(self) -> LevelAnswer | None:
        """The level of the highest mean on validation, in the measure that decides, of those that were compared and
        the reference level; None where none was.
        """
        done = [level for level in self.levels if level.differences or (level.is_reference and level.trials)]
        if self.factorial is not None:
            done = [level for level in self.levels if level.trials and level.learning.is_reliable]
        if not self.words.ranks or not done:
            return None
        return max(done, key=lambda level: level.accuracy["val"].value)

    @cached_property
    def effort(self) -> Effort | None:
        """What it would take to tell more."""
        known = [level.differences["test"].estimate for level in self.levels if level.differences]
        if self.factorial is not None:
            return effort_of_main(self.recorded.study, self.factorial)
        return effort(known, margin=self.recorded.study.margin)

    @cached_property
    def vram_measured(self) -> bool:
        """Whether any trial knows its VRAM."""
        return any(r.finished.vram_peak_mib is not None for r in self.recorded.finished if r.finished)


def answer_of(recorded: StoredStudy) -> Answer:
    """What a study found so far."""
    if recorded.study.search is not None:
        result = search_answer(recorded)
        return Answer(recorded, (), result, result.words)
    if recorded.study.looks:
        found = course(recorded.study, recorded.records)
        recorded = replace(recorded, left=found.left)
        return Answer(recorded, found.levels, None, with_looks(recorded.study, found), found)
    study = recorded.study
    tuned = cross_fitted(study, recorded.records) if study.tune else None
    measuring = recorded.records if tuned is None else tuned.records
    effects = None
    if study.kind == "factorial":
        levels = tuple(with_starts(levels_of(study, measuring)))
        effects = factorial(study, levels)
        said = factorial_words(study, levels, effects)
    else:
        levels = tuple(compare(study, measuring))
        said = words(study, levels)
    if tuned is not None:
        said = said._replace(details=(*said.details, tuned_text(study, tuned)))
    return Answer(recorded, levels, None, said, tuned=tuned, factorial=effects)
