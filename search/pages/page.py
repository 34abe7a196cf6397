"""An answer as one HTML file without scripts or a network: it opens from disk and in MLflow's sandboxed frame."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from search.answer.answer import Answer
from search.answer.facts import facts
from search.answer.fits import HEADROOM_MIB, what_fits
from search.answer.method import GLOSSARY, method
from search.answer.own_model import layer_tables
from search.answer.rows import MISSING, Table, tables
from search.answer.wording import percent
from search.answer.wrong import Wrong, most_often_wrong
from search.figures.gallery import gallery
from search.figures.style import Picture


@dataclass(frozen=True)
class Drawn:
    """An answer with its pictures."""

    answer: Answer
    pictures: tuple[Picture, ...]
    wrong: tuple[Wrong, ...]

    @classmethod
    def of(cls, answer: Answer) -> Drawn:
        """Draws them: about three seconds."""
        return cls(answer, tuple(gallery(answer)), tuple(_wrong(answer)))


def page(drawn: Sequence[Drawn], title: str = "") -> str:
    """The page of one study, or of several with a summary on top."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters["together"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    here = files("search.pages")
    template = environment.from_string((here / "page.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        title=title or drawn[0].answer.recorded.study.question,
        css=(here / "page.css").read_text(encoding="utf-8"),
        parts=[_part(one) for one in drawn],
        fits=_fits(drawn),
        method=method([one.answer for one in drawn]),
        glossary=GLOSSARY,
        made_at=f"{datetime.now():%Y-%m-%d %H:%M}",
    )


def _part(drawn: Drawn) -> dict[str, Any]:
    answer, recorded = drawn.answer, drawn.answer.recorded
    progress = ""
    if not recorded.is_over:
        doing = "running" if recorded.holder else "not finished"
        progress = f"{doing}: {recorded.over} of {recorded.total} trials"
    return {
        "name": recorded.name,
        "question": recorded.study.question,
        "headline": answer.headline,
        "details": [*answer.words.details, *answer.caveats],
        "is_demo": answer.is_demo,
        "progress": progress,
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
        "wrong_of": "Counted over the trainings of the reference level that learnt."
        if answer.reference
        else "Counted over the trials of the Pareto front.",
        "facts": facts(answer),
    }


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
                else ("nothing that was measured fits", *[MISSING] * 3)
            ),
        )
        for fit in fits
    ]
    note = (
        f"The trial of highest validation accuracy among those measured to need at most the card's memory less "
        f"{HEADROOM_MIB} MiB, which a driver and a desktop may take. VRAM is the whole process's where the driver told "
        "it, else the allocator's peak."
    )
    columns = ("card", "configuration", "VRAM", "validation", "test")
    return Table("fits", "What fits on which card", columns, tuple(rows), note=note)
