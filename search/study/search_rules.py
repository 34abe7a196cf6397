"""What a search must keep: the measure that it looks for, and what its sampler and its pruner can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.study.deciding import DECIDING, DEFAULT
from search.study.diagnostics import Mistake, shown
from search.study.objectives import DEFAULT_OBJECTIVES, OBJECTIVES
from search.study.pruners import PRUNERS
from search.study.sampler_options import check_options
from search.study.samplers import N_STARTUP_TRIALS, SAMPLERS, Sampler


def check_search_for(data: dict[str, Any]) -> Iterator[Mistake]:
    """What is wrong with the measure, the objectives, the sampler, its options and the pruner of a search.

    Args:
        data: of the study, also half-broken; a measure or objectives that follow from the other are added.
    """
    yield from _check_measure(data)
    yield from _check_costs(data)
    yield from _check_methods(data)
    yield from check_options(data["search"] if isinstance(data.get("search"), dict) else {})


def _check_measure(data: dict[str, Any]) -> Iterator[Mistake]:
    """A search looks for the measure that decides: where one of the two is given, the other follows."""
    search = data.get("search")
    if not isinstance(search, dict) or data.get("measure", DEFAULT) not in DECIDING:
        return
    if "objectives" not in search:
        search["objectives"] = [f"val_{data.get('measure', DEFAULT)}", *DEFAULT_OBJECTIVES[1:]]
        return
    objectives = search["objectives"]
    looked_for = [name for name in DECIDING if _are_names(objectives) and f"val_{name}" in objectives]
    if not looked_for:
        return
    measure = data.setdefault("measure", looked_for[0])
    if measure not in looked_for:
        allowed = " or ".join(map(shown, looked_for))
        text = f"found {shown(measure)} with the objectives {shown(list(objectives))}; allowed: {allowed}"
        yield Mistake(("measure",), text)


def _check_costs(data: dict[str, Any]) -> Iterator[Mistake]:
    """`cost` is the peak VRAM or the parameters: beside one of these it might be the same twice."""
    search = data["search"] if isinstance(data.get("search"), dict) else {}
    objectives = search.get("objectives", ())
    if not _are_names(objectives) or "cost" not in objectives:
        return
    beside = [name for name in objectives if name in ("vram_peak_mib", "parameters")]
    if beside:
        text = f'found "cost" beside {shown(beside[0])}, and it may be just that; allowed: one of the two'
        yield Mistake(("search", "objectives", list(objectives).index("cost")), text)


def _check_methods(data: dict[str, Any]) -> Iterator[Mistake]:
    """Whether the sampler and the pruner can do what is asked of them. Names that nobody knows are left alone."""
    search = data["search"] if isinstance(data.get("search"), dict) else {}
    objectives = search.get("objectives", DEFAULT_OBJECTIVES)
    known = [OBJECTIVES[name] for name in objectives if name in OBJECTIVES] if _are_names(objectives) else []
    if not known or len(known) < len(objectives):
        return
    sampler, pruner = search.get("sampler"), search.get("pruner")
    if isinstance(sampler, str) and sampler in SAMPLERS:
        for why in _sampler_lacks(SAMPLERS[sampler], len(known), data):
            yield Mistake(("search", "sampler"), f"found {shown(sampler)}, which {why}")
        startup = search.get("n_startup_trials", N_STARTUP_TRIALS)
        if startup != N_STARTUP_TRIALS and not SAMPLERS[sampler].starts_at_random:
            having = ", ".join(name for name, entry in SAMPLERS.items() if entry.starts_at_random)
            text = f"found {shown(startup)} with the sampler {shown(sampler)}, which does not start with random trials"
            yield Mistake(
                ("search", "n_startup_trials"), f"{text}; allowed: leave it out, or one of the samplers {having}"
            )
    prunes = isinstance(pruner, str) and pruner in PRUNERS and PRUNERS[pruner].stops is not None
    if prunes and not any(OBJECTIVES[f"val_{name}"].by_epoch for name in DECIDING if f"val_{name}" in objectives):
        ranked = ", ".join(f"val_{name}" for name in DECIDING)
        text = f"with the objectives {shown(list(objectives))}; it ranks trainings by a measure that may decide"
        text += f', epoch by epoch; allowed: "none", or one of these among the objectives: {ranked}'
        yield Mistake(("search", "pruner"), f"found {shown(pruner)} {text}")


def _are_names(objectives: Any) -> bool:
    return isinstance(objectives, list | tuple) and all(isinstance(name, str) for name in objectives)


def _sampler_lacks(sampler: Sampler, n_objectives: int, data: dict[str, Any]) -> Iterator[str]:
    if not sampler.is_installed:
        yield f"needs the package {sampler.package}; it is not installed (pip install {sampler.package})"
    if sampler.most_objectives is not None and n_objectives > sampler.most_objectives:
        yield f"takes {sampler.most_objectives} objective; found {n_objectives}"
    scientific = data.get("scientific")
    specs = scientific.values() if isinstance(scientific, dict) else ()
    numbers = sum(isinstance(spec, dict) and "low" in spec for spec in specs)
    if numbers < sampler.fewest_numbers:
        yield f"needs {sampler.fewest_numbers} parameters with low and high; found {numbers}"
