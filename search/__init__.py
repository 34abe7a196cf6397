"""The search: asks Optuna, hands trials to trainers, records what comes back, answers.

    import search

    answer = search.run_study("pooling", data="data/blood-cells")
    print(answer.sentence)
    answer.level_table()      # a pandas DataFrame

`load_study`, `run_study` and `read_answer` are the functions, `StudyAnswer` and the classes beside it what they return,
`SearchError` the base of what they raise (see `search.errors`; a folder of images that cannot be used raises
`trainer.errors.DataError`). The commands `python -m search.run`, `search.report`, ... do the same and more.
"""

import logging

import search._own_trainer  # noqa: F401  # before anything imports `trainer`
from search.api import (
    EffectResult,
    Interval,
    LevelDifference,
    LevelResult,
    MeanCost,
    StudyAnswer,
    load_study,
    read_answer,
    run_study,
)
from search.errors import SearchError

__all__ = [
    "EffectResult",
    "Interval",
    "LevelDifference",
    "LevelResult",
    "MeanCost",
    "SearchError",
    "StudyAnswer",
    "load_study",
    "read_answer",
    "run_study",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # what is logged goes to a study's controller.log alone
