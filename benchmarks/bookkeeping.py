"""Optuna and MLflow as shared/peers/diy_study.py calls them in its objective, without the training; prints JSON.

python -m benchmarks.bookkeeping --trials 500 --epochs 5 --folder DIR
"""

from __future__ import annotations

import argparse
import json
import time

LEVELS = ["max", "average", "strided", "blur"]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--folder", required=True)
    args = parser.parse_args()

    import mlflow
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mlflow.set_tracking_uri(f"sqlite:///{args.folder}/mlflow.db")
    mlflow.set_experiment("pooling")
    seeds = list(range(-(-args.trials // len(LEVELS))))
    ended: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_categorical("pooling", LEVELS)
        trial.suggest_categorical("seed", seeds)
        with mlflow.start_run(run_name=str(trial.number)):
            mlflow.log_params(trial.params)
            for epoch in range(args.epochs):
                mlflow.log_metrics({"accuracy": 0.5, "loss": 1.3, "val_accuracy": 0.5, "val_loss": 1.3}, step=epoch)
                trial.report(0.5, epoch)
            mlflow.log_metric("test_accuracy", 0.5)
        ended.append(time.perf_counter())
        return 0.5

    study = optuna.create_study(
        storage=f"sqlite:///{args.folder}/optuna.db",
        sampler=optuna.samplers.GridSampler({"pooling": LEVELS, "seed": seeds}),
        direction="maximize",
    )
    begun = time.perf_counter()
    study.optimize(objective, n_trials=args.trials)
    print(json.dumps({"trials": len(study.trials), "marks_s": [0.0, *(at - begun for at in ended)]}))


if __name__ == "__main__":
    main()
