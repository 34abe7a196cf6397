"""The checklist as a page."""

from __future__ import annotations

from itertools import groupby

from search.answer.answer import Answer
from search.answer.checklist.items import ITEMS
from search.pages.style import rendered


def checklist(answer: Answer) -> str:
    """`checklist.html`: every item, what the study knows of it, and what is left to the authors."""
    filled = [(item, item.known(answer) if item.known else "") for item in ITEMS]
    sections = [(name, list(items)) for name, items in groupby(filled, lambda pair: pair[0].section)]
    whole = sum(bool(text) and not item.left for item, text in filled)
    part = sum(bool(text) and bool(item.left) for item, text in filled)
    return rendered(
        "checklist.html.jinja",
        question=answer.recorded.study.question,
        name=answer.recorded.name,
        caveats=answer.caveats,
        sections=sections,
        counts=f"{whole} of {len(filled)} items are filled in, {part} in part.",
    )
