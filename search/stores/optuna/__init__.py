"""What Optuna is asked and told.

study.py          `OptunaStudy`: the queue, proposals, and what is told of trials
identity.py       whose a study is, by its id
queue.py          trials that wait
proposals.py      what a sampler proposes
observed.py       trainings of questions, as a sampler sees them
outcome.py        how a trial that is over reads in Optuna: state, values, constraint, attributes
growth.py         categories that a newer version added
distributions.py  parameters as Optuna's distributions
storage.py        `open_storage`; addresses, and errors without passwords
notes.py          notes on the Optuna dashboard
catalog.py        every study of a storage, and deleting one
"""

from search.stores.optuna.catalog import check_study, delete_study, studies_in
from search.stores.optuna.identity import FOLDER, OWNER
from search.stores.optuna.outcome import SLOT
from search.stores.optuna.queue import ROLE, trial_params
from search.stores.optuna.storage import (
    close_storage,
    names_in,
    open_storage,
    storage_errors,
    upgrade_storage,
)
from search.stores.optuna.study import OptunaStudy

__all__ = [
    "FOLDER",
    "OWNER",
    "ROLE",
    "SLOT",
    "OptunaStudy",
    "check_study",
    "close_storage",
    "delete_study",
    "names_in",
    "open_storage",
    "storage_errors",
    "studies_in",
    "trial_params",
    "upgrade_storage",
]
