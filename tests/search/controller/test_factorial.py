"""A question about two parameters in a run: every combination is queued, trained and told."""

from __future__ import annotations

from pathlib import Path

from tests.search.answer.crossed import crossed
from tests.search.workshop import Workshop


def test_every_combination_is_trained_and_told(tmp_path: Path) -> None:
    """A second run with more seeds goes on with the first one's trials."""
    shop = Workshop(tmp_path, f"sqlite:///{tmp_path}/optuna.db")
    assert shop.run(crossed(1, fixed={"epochs": 1}), slots=2) == "finished"
    assert shop.run(crossed(2, fixed={"epochs": 1}), slots=2) == "finished"
    trials = shop.trials("pooling_dropout")
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 8
    told = [(trial.params["pooling"], trial.params["dropout_rate"], trial.user_attrs["seed"]) for trial in trials]
    assert told == [(pooling, rate, seed) for seed in (0, 1) for pooling in ("max", "average") for rate in (0.0, 0.5)]
