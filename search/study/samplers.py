"""Who proposes the trials of a search: the table of samplers, by Optuna's names.

A sampler is built anew for every proposal, with a seed that follows from the study's name and the trial's number, and
reads the history from the storage. So a proposal depends on nothing that a process remembers. Samplers that call
`study.stop` (grid, brute force) have no place under ask-and-tell. Optuna is imported where a sampler is built.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from search.errors import SamplerError
from trainer.registry import Registry

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

# A third of the 60 trials of `joint`, where Optuna's default of TPE and Gaussian processes is 10. With starts from
# questions the two are alike on made-up data, without them 10 may be better (LOG.md).
N_STARTUP_TRIALS = 20


@dataclass(frozen=True)
class Proposal:
    """What a sampler is built for.

    Attributes:
        seed: of this proposal.
        study_seed: the same for all proposals of the study.
        n_startup_trials: trials at random before the sampler has something to learn from.
        space: the parameters of the search.
        options: keywords of the sampler of Optuna's, as the study file has them.
        n_trials: the budget of the search.
        n_objectives: how many it has.
    """

    seed: int
    study_seed: int
    n_startup_trials: int
    space: Mapping[str, BaseDistribution]
    options: Mapping[str, Any] = field(default_factory=dict)
    n_trials: int = 0
    n_objectives: int = 1

    def keywords(self, **own: Any) -> dict[str, Any]:
        """What a sampler is made with: what this project gives it, unless the study says otherwise."""
        return {**own, **self.options}


@dataclass(frozen=True)
class Sampler:
    """What proposes the trials of a search, as an entry of `SAMPLERS`.

    Attributes:
        words: what it is called.
        build: makes it.
        most_objectives: how many it takes; None for any number.
        fewest_numbers: how many parameters with `low` and `high` it needs to do anything.
        starts_at_random: whether `n_startup_trials` means something to it.
        learns_from_any: whether it learns from trials that no sampler of its kind proposed.
        learns_from_pruned: whether it learns from trials that are PRUNED: that they are worse than the others.
        learns_constraints: the state that a trial which exceeds a constraint must have for it to learn from that:
            "COMPLETE", with values; or "PRUNED", and then from one that is COMPLETE too. None: it learns nothing
            from constraints. Of `auto` the entry that it takes says it (`search.study.infeasible`).
        package: what it needs beside Optuna, by the name that it is imported and installed by; "" for nothing.
        optuna_class: its name in `optuna.samplers`, whose keywords `[search.options]` may have; "" for none.
    """

    words: str
    build: Callable[[Proposal], BaseSampler]
    most_objectives: int | None = None
    fewest_numbers: int = 0
    starts_at_random: bool = False
    learns_from_any: bool = False
    learns_from_pruned: bool = False
    learns_constraints: Literal["COMPLETE", "PRUNED"] | None = None
    package: str = ""
    optuna_class: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether the package that it needs is there."""
        return not self.package or importlib.util.find_spec(self.package) is not None


def _tpe(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import TPESampler

    own = {"seed": proposal.seed, "n_startup_trials": proposal.n_startup_trials, "constant_liar": True}
    with _quietly():
        return TPESampler(**proposal.keywords(**own))


def _random(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=proposal.seed)


def _qmc(proposal: Proposal) -> BaseSampler:
    """One scrambled Sobol sequence for the whole study, from the first proposal on."""
    from optuna.samplers import QMCSampler, RandomSampler

    class FromTheStart(QMCSampler):
        """Optuna's own learns the space from the first trial that is over, and draws at random until then."""

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return dict(proposal.space)

    other = RandomSampler(seed=proposal.seed)
    own = {"qmc_type": "sobol", "scramble": True, "seed": proposal.study_seed, "independent_sampler": other}
    with _quietly():
        return FromTheStart(**proposal.keywords(**own))


def _cmaes(proposal: Proposal) -> BaseSampler:
    """Categories, which CMA-ES does not know, are drawn at random."""
    from optuna.samplers import CmaEsSampler, RandomSampler

    own = {
        "seed": proposal.seed,
        "n_startup_trials": proposal.n_startup_trials,
        "independent_sampler": RandomSampler(seed=proposal.seed),
        "warn_independent_sampling": False,
    }
    with _quietly():
        return CmaEsSampler(**proposal.keywords(**own))


def _nsgaii(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(**proposal.keywords(seed=proposal.seed))


def _gp(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import GPSampler

    own = {"seed": proposal.seed, "n_startup_trials": proposal.n_startup_trials, "warn_independent_sampling": False}
    with _quietly():
        return GPSampler(**proposal.keywords(**own))


# The row "Recommended budgets (#trials)" of the table in Optuna's documentation (4.6,
# https://optuna.readthedocs.io/en/v4.6.0/reference/samplers/index.html): up to 500 for GPSampler, 100 to 1,000 for
# TPESampler, 1,000 to 10,000 for CmaEsSampler. They include start-up trials.
GP_TRIALS, CMAES_TRIALS = 500, 1000


def chosen(proposal: Proposal) -> str:
    """The sampler that `auto` takes, by the budgets that Optuna's documentation recommends.

    Gaussian processes for one objective, numbers alone and at most 500 trials, where PyTorch is installed; CMA-ES for
    the same and 1,000 trials or more; else TPE. It is one for all trials of a search. `AutoSampler` of OptunaHub, whose
    code is downloaded when it is used, changes instead from Gaussian processes to CMA-ES after 250 finished trials.
    """
    from optuna.distributions import CategoricalDistribution

    return suited(
        has_names=any(isinstance(spec, CategoricalDistribution) for spec in proposal.space.values()),
        n_parameters=len(proposal.space),
        n_objectives=proposal.n_objectives,
        n_trials=proposal.n_trials,
    )


def suited(*, has_names: bool, n_parameters: int, n_objectives: int, n_trials: int) -> str:
    """As `chosen`, of a search with so many parameters, of which some are names or none."""
    if has_names or n_objectives > 1 or n_parameters < 2:
        return "tpe"
    if n_trials <= GP_TRIALS and SAMPLERS["gp"].is_installed:
        return "gp"
    return "cmaes" if n_trials >= CMAES_TRIALS and SAMPLERS["cmaes"].is_installed else "tpe"


def _auto(proposal: Proposal) -> BaseSampler:
    return SAMPLERS[chosen(proposal)].build(proposal)


def optuna_sampler(name: str) -> type[BaseSampler]:
    """A class of `optuna.samplers`."""
    import optuna.samplers

    found: type[BaseSampler] = getattr(optuna.samplers, name)
    return found


def try_out(sampler: BaseSampler) -> None:
    """Has it propose a trial of two numbers after three trials: some options are found to be wrong there alone.

    Raises:
        Exception: whatever the sampler raises.
    """
    import optuna

    space: dict[str, BaseDistribution] = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in "ab"}
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it tells of every study that is made
    try:
        study = optuna.create_study(sampler=sampler)
        for value in (0.25, 0.5, 0.75):
            params = dict.fromkeys(space, value)
            study.add_trial(optuna.create_trial(params=params, distributions=space, value=value))
        study.ask(fixed_distributions=space)
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's warnings of what has been experimental for years."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


SAMPLERS = Registry[Sampler]("sampler")
SAMPLERS.register(
    "tpe",
    Sampler(
        "TPE",
        _tpe,
        starts_at_random=True,
        learns_from_any=True,
        learns_from_pruned=True,
        learns_constraints="PRUNED",
        optuna_class="TPESampler",
    ),
)
SAMPLERS.register("random", Sampler("random search", _random, optuna_class="RandomSampler"))
SAMPLERS.register("qmc", Sampler("quasi-random points (Sobol)", _qmc, optuna_class="QMCSampler"))
SAMPLERS.register(
    "cmaes",
    Sampler(
        "CMA-ES",
        _cmaes,
        most_objectives=1,
        fewest_numbers=2,
        starts_at_random=True,
        package="cmaes",
        optuna_class="CmaEsSampler",
    ),
)
SAMPLERS.register("nsgaii", Sampler("NSGA-II", _nsgaii, learns_constraints="COMPLETE", optuna_class="NSGAIISampler"))
SAMPLERS.register(
    "gp",
    Sampler(
        "Gaussian processes",
        _gp,
        starts_at_random=True,
        learns_from_any=True,
        learns_constraints="COMPLETE",
        package="torch",
        optuna_class="GPSampler",
    ),
)
SAMPLERS.register(
    "auto",
    Sampler("the sampler that suits it", _auto, starts_at_random=True, learns_from_any=True, learns_from_pruned=True),
)


def build_sampler(name: str, proposal: Proposal) -> BaseSampler:
    """The sampler of this name in `SAMPLERS`.

    Raises:
        SamplerError: it cannot be built; quotes what it raised.
    """
    try:
        return SAMPLERS[name].build(proposal)
    except Exception as error:
        raise SamplerError(f"The sampler {name} cannot be built: {type(error).__name__}: {error}") from error
