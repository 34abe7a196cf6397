"""The options of a sampler in a study file: Optuna's own keywords, under `[search.options]`.

What a sampler takes is read from its signature, so that another version of Optuna has other options; and values are
tried on it.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from search.study.diagnostics import Mistake, shown
from search.study.samplers import SAMPLERS, Proposal, Sampler, optuna_sampler, try_out

# What the project gives a sampler itself.
OURS = {
    "self": "",
    "seed": "it follows from the study's name and the trial's number, so that a search repeats",
    "n_startup_trials": "it stands in [search] itself",
}
# Types of keywords that a study file can have, and what they are there.
_SCALARS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text", "None": ""}


def allowed_options(sampler: Sampler) -> list[str]:
    """Optuna's keywords of a sampler that a study file can have: those that take texts, numbers, true or false."""
    if not sampler.optuna_class:
        return []
    keywords = inspect.signature(optuna_sampler(sampler.optuna_class)).parameters
    return [
        name
        for name, keyword in keywords.items()
        if name not in OURS and set(re.split(r" *\| *", str(keyword.annotation))) <= _SCALARS.keys()
    ]


def check_options(search: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with the options of a search. Of a sampler that nobody knows, nothing is said.

    Args:
        search: the table, as plain data.
    """
    name, options = search.get("sampler", "tpe"), search.get("options")
    if not options or not isinstance(options, dict) or not isinstance(name, str) or name not in SAMPLERS:
        return
    sampler = SAMPLERS[name]
    allowed = allowed_options(sampler)
    wrong = False
    for key in options:
        if key in allowed:
            continue
        wrong = True
        if why := OURS.get(key):
            yield Mistake(("search", "options", key), f"no study may set it: {why}")
        elif allowed:
            what = f"no option of {sampler.optuna_class} for a study file; allowed: {', '.join(allowed)}"
            yield Mistake(("search", "options", key), what)
        else:
            yield Mistake(("search", "options", key), f"the sampler {shown(name)} takes no options")
    if not wrong:
        types = list(_of_another_type(sampler, options))
        yield from types
        wrong = bool(types)
    if not wrong and sampler.is_installed and (problem := _refusal(sampler, options)):
        yield Mistake(("search", "options"), f"Optuna refuses them: {problem}")


def _of_another_type(sampler: Sampler, options: Mapping[str, Any]) -> Iterator[Mistake]:
    """Values that Optuna would take, and that are not what its signature asks for: a text is true, too."""
    keywords = inspect.signature(optuna_sampler(sampler.optuna_class)).parameters
    for name, value in options.items():
        wanted = re.split(r" *\| *", str(keywords[name].annotation))
        fits = {type(value).__name__} | ({"float"} if type(value) is int else set())
        if fits.isdisjoint(wanted):
            allowed = " or ".join(_SCALARS[kind] for kind in wanted if kind != "None")
            yield Mistake(("search", "options", name), f"found {shown(value)}; allowed: {allowed}")


def _refusal(sampler: Sampler, options: Mapping[str, Any]) -> str:
    """What Optuna says of the values, in its own words; nothing where it takes them."""
    proposal = Proposal(seed=0, study_seed=0, n_startup_trials=1, space={}, options=options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # what it will not take for long
            built = sampler.build(proposal)
        try_out(built)
    except Exception as error:  # whatever it is that the constructor raises, or a proposal
        return str(error).strip().splitlines()[0][:300] or type(error).__name__
    return ""
