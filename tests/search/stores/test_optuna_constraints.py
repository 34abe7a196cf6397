"""Which of Optuna's samplers learn from constraints, and in which state of a trial: what the table of samplers says."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState

from search.study.samplers import SAMPLERS, Proposal, build_sampler

SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
N_TRIALS = 60
NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(not entry.is_installed, reason=f"pip install {entry.package}"))
    for name, entry in SAMPLERS.items()
    if name != "auto"  # which is one of the others
]


def share_infeasible(name: str, state: TrialState) -> float:
    """Of the last half of a search, how many proposals exceed the constraint, beyond which the objective is higher.

    Args:
        name: of the sampler.
        state: what trials that exceed it are told as.
    """
    study = optuna.create_study(direction="maximize")
    found = []
    options = {"population_size": 10} if name == "nsgaii" else {}
    for number in range(N_TRIALS):
        proposal = Proposal(number, 0, 10, SPACE, options, N_TRIALS)
        study.sampler = build_sampler(name, proposal)
        trial = study.ask(fixed_distributions=SPACE)
        x = trial.params["x"]
        trial.set_constraint("x", x - 0.5)
        told = state if x > 0.5 else TrialState.COMPLETE
        value = x if x > 0.5 else 0.3 - abs(x - 0.2)  # the best that keeps the constraint is far from its edge
        study.tell(trial, value if told == TrialState.COMPLETE else None, state=told)
        found.append(x > 0.5)
    late = found[N_TRIALS // 2 :]
    return sum(late) / len(late)


@pytest.mark.filterwarnings("ignore:Constraints have been set")  # by CMA-ES
@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_which_samplers_learn_from_constraints(name: str) -> None:
    learns = SAMPLERS[name].learns_constraints
    finished = share_infeasible(name, TrialState.COMPLETE)
    assert (finished < 0.35) == (learns is not None), finished
    if learns == "PRUNED":
        assert share_infeasible(name, TrialState.PRUNED) < 0.35
