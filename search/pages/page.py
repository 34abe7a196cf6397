"""An answer as one HTML file: it needs no network, opens from disk and in MLflow's sandboxed frame, and prints.

A small script sorts tables and shows values in figures; without scripts everything can be read all the same.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from search.answer.answer import Answer
from search.answer.fits import HEADROOM_MIB, what_fits
from search.answer.own_model import layer_tables
from search.answer.tables.cells import MISSING
from search.answer.tables.rows import Table, tables
from search.answer.words.facts import facts
from search.answer.words.method import GLOSSARY, method
from search.answer.words.wording import percent
from search.answer.wrong import Wrong, most_often_wrong
from search.figures.gallery import gallery
from search.figures.style import Picture
from search.pages.style import rendered, text_of


@dataclass(frozen=True)
class Drawn:
    """An answer with its pictures."""

    answer: Answer
    pictures: tuple[Picture, ...]
    wrong: tuple[Wrong, ...]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.answer.recorded.name

    @classmethod
    def of(cls, answer: Answer) -> Drawn:
        """Draws the pictures of an answer, which takes about four seconds."""
        return cls(answer, tuple(gallery(answer)), tuple(_wrong(answer)))


Links = Sequence[tuple[str, str]]  # text and address


def page(
    drawn: Sequence[Drawn],
    title: str = "",
    *,
    folders: Mapping[str, str] | None = None,
    links: Mapping[str, Links] | None = None,
) -> str:
    """The page of one study, or of several with a summary on top.

    Args:
        drawn: the studies.
        title: of several; of one study it is its question.
        folders: by study, the way from the page to its folder, as `""` or `"studies/pooling/"`, where the figures as
            files and the checklist lie; studies without one have no links to them.
        links: by study, where else it is recorded.
    """
    return rendered(
        "page.html.jinja",
        title=title or drawn[0].answer.recorded.study.question,
        script=text_of("page.js"),
        parts=[_part(one, (folders or {}).get(one.name), (links or {}).get(one.name, ())) for one in drawn],
        fits=_fits(drawn),
        method=method([one.answer for one in drawn]),
        glossary=GLOSSARY,
        made_at=f"{datetime.now():%Y-%m-%d %H:%M}",
    )


def _part(drawn: Drawn, folder: str | None, links: Links) -> dict[str, Any]:
    answer, recorded = drawn.answer, drawn.answer.recorded
    progress = ""
    if not recorded.is_over:
        doing = "running" if recorded.holder else "not finished"
        progress = f"{doing}: {recorded.progress}"
    return {
        "name": recorded.name,
        "question": recorded.study.question,
        "headline": answer.headline,
        "details": [*answer.words.details, *answer.caveats],
        "is_demo": answer.is_demo,
        "progress": progress,
        "folder": folder,
        "links": links,
        "pictures": drawn.pictures,
        "tables": [*tables(answer), *layer_tables(recorded)],
        "wrong": [
            {
                "file": wrong.file,
                "true": wrong.true.capitalize(),
                "predicted": wrong.predicted.lower(),
                "times": wrong.times,
                "of": wrong.of,
                "data": base64.b64encode(wrong.thumbnail).decode() if wrong.thumbnail else "",
            }
            for wrong in drawn.wrong
        ],
        "wrong_of": _wrong_of(answer),
        "facts": facts(answer),
    }


def _wrong_of(answer: Answer) -> str:
    if answer.reference is None:
        return "Counted over the trials on the Pareto front."
    whose = "of the reference level " if answer.recorded.study.factors else ""
    return f"Counted over the trainings {whose}that learnt."


def _wrong(answer: Answer) -> list[Wrong]:
    if answer.reference is not None:
        return most_often_wrong(answer.recorded, answer.reference.measured)
    return most_often_wrong(answer.recorded, answer.search.front if answer.search else ())


def _fits(drawn: Sequence[Drawn]) -> Table | None:
    fits = what_fits([one.answer.recorded for one in drawn])
    if not fits:
        return None
    rows = [
        (
            f"{fit.card_gb} GB",
            *(
                (
                    f"{fit.study}: {fit.trial.label}",
                    f"{fit.vram_mib:,.0f} MiB",
                    percent(fit.trial.finished.splits["val"].accuracy),
                    percent(fit.test_accuracy),
                )
                if fit.trial is not None and fit.trial.finished is not None
                else ("nothing measured fits", *[MISSING] * 3)
            ),
        )
        for fit in fits
    ]
    note = (
        f"The trial with the highest validation accuracy among those measured to fit into the card's memory less "
        f"{HEADROOM_MIB} MiB, which a driver and a desktop may take. VRAM is that of the whole process where the "
        "driver reports it, else the allocator's peak."
    )
    columns = ("card", "configuration", "VRAM", "validation", "test")
    return Table("fits", "What fits on which card", columns, tuple(rows), note=note)
