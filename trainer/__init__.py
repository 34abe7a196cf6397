"""One training: a `TrainConfig` goes in, events come out.

The trainer is hermetic: it knows no Optuna, no MLflow, no database and no Docker. `trainer.config`, `trainer.events`
and `trainer.data` import without Keras, so that the search can use them without loading it.
"""

__version__ = "0.1.0"
