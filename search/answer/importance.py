"""How much each parameter of a search matters, by Optuna's evaluator. Optuna is imported when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from search.answer.search_result import val_value, value_on
from search.folder.record import TrialRecord
from search.study import Study
from search.study.space import Levels

FEWEST = 8  # trials: with fewer, the estimate says nothing


def importances(study: Study, trials: Sequence[TrialRecord], target: str) -> dict[str, float]:
    """Shares that sum to 1, largest first, by PED-ANOVA (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255).

    It compares the best trials with the others, and takes lower values for better: the measure that decides is negated.

    Args:
        study: a search.
        trials: finished ones.
        target: "validation" for the measure that decides there, or a cost, a field of `Finished`.

    Returns:
        Empty with too few trials, or where the target does not vary. Conditional parameters are left out.
    """
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

    space: dict[str, BaseDistribution] = {}
    for name, spec in study.scientific.items():
        if spec.when:  # PED-ANOVA takes the parameters that all trials have
            continue
        if isinstance(spec, Levels):
            space[name] = CategoricalDistribution(list(spec.levels))
        elif isinstance(spec.low, int) and isinstance(spec.high, int):
            space[name] = IntDistribution(spec.low, spec.high, log=spec.log)
        else:
            space[name] = FloatDistribution(float(spec.low), float(spec.high), log=spec.log)
    of: Callable[[TrialRecord], float | None] = (
        (lambda record: -val_value(record, study.measure))
        if target == "validation"
        else lambda record: value_on(record, target)
    )
    values = [(record, value) for record in trials if (value := of(record)) is not None]
    if len(values) < FEWEST or len({value for _, value in values}) < 2:
        return {}
    copy = optuna.create_study(direction="minimize")
    for record, value in values:
        params = {name: record.params[name] for name in space}
        copy.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=value))
    found = optuna.importance.get_param_importances(copy)
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: -item[1])}
