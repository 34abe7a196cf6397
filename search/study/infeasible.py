"""What a search does with a trial that exceeds a constraint, by what its sampler can learn from it.

TPE learns from a trial that was stopped, so that the trial is stopped as soon as it is known to exceed a constraint.
Gaussian processes and NSGA-II read trials that are COMPLETE alone: theirs is trained to its end, unless the pruner
stops it. The others read no constraint, and nothing is gained by a training that is neither recommended nor trained
again: it is stopped. (Read in Optuna 5.0: `samplers/_tpe/sampler.py`, `_gp/sampler.py`, `_ga/_base.py`, `_cmaes.py`.)
"""

from __future__ import annotations

from search.study.samplers import SAMPLERS, Sampler, suited
from search.study.space import Levels
from search.study.study import Search, Study

AUTO = "auto"  # the entry of `SAMPLERS` that stands for another


def sampler_of(study: Study) -> str:
    """The name of what proposes the trials of a search; of `auto`, what it takes.

    Raises:
        ValueError: the study is no search.
    """
    search = _search_of(study)
    if search.sampler != AUTO:
        return search.sampler
    return suited(
        has_names=any(isinstance(spec, Levels) for spec in study.scientific.values()),
        n_parameters=len(study.scientific),
        n_objectives=len(search.objectives),
        n_trials=search.n_trials,
    )


def stops_infeasible(study: Study) -> bool:
    """Whether a trial of a search is stopped as soon as it is known to exceed a constraint.

    Raises:
        ValueError: the study is no search.
    """
    return _entry(study).learns_constraints != "COMPLETE"


def infeasible_text(study: Study) -> str | None:
    """What the constraints of a search mean to its sampler, in a sentence; None where there are none, and where it
    learns from every trial that exceeds one.
    """
    if study.search is None or not study.constraints:
        return None
    name, entry = sampler_of(study), _entry(study)
    if entry.learns_constraints == "COMPLETE":
        return (
            f"The sampler {name} learns of constraints from trials that finished alone: those that exceed one are "
            "trained to their end, and are not recommended."
        )
    if entry.learns_constraints is None:
        return (
            f"The sampler {name} learns nothing from constraints: trials that exceed one are stopped and not "
            "recommended, and more like them may be proposed. tpe, gp and nsgaii learn from them."
        )
    return None


def _entry(study: Study) -> Sampler:
    return SAMPLERS[sampler_of(study)]


def _search_of(study: Study) -> Search:
    if study.search is None:
        raise ValueError(f"{study.name} is no search")
    return study.search
