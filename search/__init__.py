"""The search: asks Optuna, hands trials to trainers, records what comes back, answers."""
