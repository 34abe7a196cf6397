"""The search: asks Optuna, hands trials to trainers, records what comes back, answers."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # what is logged goes to a study's controller.log alone
