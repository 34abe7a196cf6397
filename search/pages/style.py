"""The templates and the style that pages share."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined


def rendered(template: str, **values: Any) -> str:
    """One of the templates beside this file, in the pages' style."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters["together"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    return environment.from_string(text_of(template)).render(css=text_of("page.css"), **values)


def text_of(file: str) -> str:
    """The text of a file beside this one."""
    return (files("search.pages") / file).read_text(encoding="utf-8")
