"""Who proposes the trials of a search: the table of samplers, by Optuna's names.

A sampler is built anew for every proposal, with a seed that follows from the study's name and the trial's number, and
reads the history from the storage. So a proposal depends on nothing that a process remembers. Samplers that call
`study.stop` (grid, brute force) have no place under ask-and-tell. Optuna is imported where a sampler is built.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.errors import SamplerError
from trainer.registry import Registry

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

N_STARTUP_TRIALS = 10  # Optuna's default, of TPE and of Gaussian processes


@dataclass(frozen=True)
class Proposal:
    """What a sampler is built for.

    Attributes:
        seed: of this proposal.
        study_seed: the same for all proposals of the study.
        n_startup_trials: trials at random before the sampler has something to learn from.
        space: the parameters of the search.
    """

    seed: int
    study_seed: int
    n_startup_trials: int
    space: Mapping[str, BaseDistribution]


@dataclass(frozen=True)
class Sampler:
    """What proposes the trials of a search, as an entry of `SAMPLERS`.

    Attributes:
        words: what it is called.
        build: makes it.
        most_objectives: how many it takes; None for any number.
        fewest_numbers: how many parameters with `low` and `high` it needs to do anything.
        starts_at_random: whether `n_startup_trials` means something to it.
        package: what it needs beside Optuna, by the name that it is imported and installed by; "" for nothing.
    """

    words: str
    build: Callable[[Proposal], BaseSampler]
    most_objectives: int | None = None
    fewest_numbers: int = 0
    starts_at_random: bool = False
    package: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether the package that it needs is there."""
        return not self.package or importlib.util.find_spec(self.package) is not None


def _tpe(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=proposal.seed, n_startup_trials=proposal.n_startup_trials, constant_liar=True)


def _random(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=proposal.seed)


def _qmc(proposal: Proposal) -> BaseSampler:
    """One scrambled Sobol sequence for the whole study, from the first proposal on."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import QMCSampler, RandomSampler

    class FromTheStart(QMCSampler):
        """Optuna's own learns the space from the first trial that is over, and draws at random until then."""

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return dict(proposal.space)

    other = RandomSampler(seed=proposal.seed)
    with warnings.catch_warnings():  # in Optuna since 3.0, and still called experimental
        warnings.simplefilter("ignore", ExperimentalWarning)
        return FromTheStart(qmc_type="sobol", scramble=True, seed=proposal.study_seed, independent_sampler=other)


def _cmaes(proposal: Proposal) -> BaseSampler:
    """Categories, which CMA-ES does not know, are drawn at random."""
    from optuna.samplers import CmaEsSampler, RandomSampler

    return CmaEsSampler(
        seed=proposal.seed,
        n_startup_trials=proposal.n_startup_trials,
        independent_sampler=RandomSampler(seed=proposal.seed),
        warn_independent_sampling=False,
    )


def _nsgaii(proposal: Proposal) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=proposal.seed)


def _gp(proposal: Proposal) -> BaseSampler:
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import GPSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GPSampler(seed=proposal.seed, n_startup_trials=proposal.n_startup_trials)


SAMPLERS = Registry[Sampler]("sampler")
SAMPLERS.register("tpe", Sampler("TPE", _tpe, starts_at_random=True))
SAMPLERS.register("random", Sampler("random search", _random))
SAMPLERS.register("qmc", Sampler("quasi-random points (Sobol)", _qmc))
SAMPLERS.register(
    "cmaes",
    Sampler("CMA-ES", _cmaes, most_objectives=1, fewest_numbers=2, starts_at_random=True, package="cmaes"),
)
SAMPLERS.register("nsgaii", Sampler("NSGA-II", _nsgaii))
SAMPLERS.register("gp", Sampler("Gaussian processes", _gp, starts_at_random=True, package="torch"))


def build_sampler(name: str, proposal: Proposal) -> BaseSampler:
    """The sampler of this name in `SAMPLERS`.

    Raises:
        SamplerError: it cannot be built; quotes what it raised.
    """
    try:
        return SAMPLERS[name].build(proposal)
    except Exception as error:
        raise SamplerError(f"The sampler {name} cannot be built: {type(error).__name__}: {error}") from error
