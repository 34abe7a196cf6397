"""Who is told of studies and trials: Optuna and MLflow, in the background.

stores.py        `Stores`: the two outboxes of a study
addresses.py     addresses of stores that can never work, refused
outbox.py        tells a store in the background, again where it did not answer
backlog.py       what a store is still to be told
delivery_log.py  what each has been told
optuna/          what Optuna is asked and told
mlflow/          what MLflow is told
"""
