"""Who is told of studies and trials: Optuna and MLflow, in the background.

stores.py  `Stores`: the two outboxes of a study, and the link between the stores
outbox.py  tells a store in the background, again where it did not answer
optuna/    what Optuna is asked and told
mlflow/    what MLflow is told
"""
