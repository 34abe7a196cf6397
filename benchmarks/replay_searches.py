"""The searches that `benchmarks.replay` compares."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Search:
    """What is compared: an entry of `SEARCHES`."""

    words: str
    sampler: str = "tpe"
    n_startup: int = 20
    pruner: str = "none"
    questions: bool = False  # whether it starts from what they found, the reference model first
    reference: bool = False  # whether it starts from the reference model alone
    counts: bool = False  # whether their epochs count
    alone: bool = False  # whether it ends with their best levels together
    chance: bool = True  # whether a training that stayed at chance is told PRUNED, worse than any that learnt
    near: bool = False  # whether it is told how near a training at chance came to learning
    confirm: bool = False  # whether its best are trained again before one is recommended
    peer: bool = False  # Optuna at its defaults, asked by Optuna's own study
    budgets: float = 1  # of 60 trainings


DRAWN = ("random", "optuna", "random-confirm", "joint", "joint-unasked")  # which lines a reader can tell apart

JOINT = Search("`joint`: TPE, 20, starts, ASHA, best again", pruner="asha", questions=True, confirm=True)
SEARCHES = {
    "random": Search("random search", "random"),
    "random-long": Search("random search, three budgets", "random", budgets=3),
    "optuna": Search("Optuna at its defaults", peer=True, chance=False),
    "tpe10": Search("TPE, 10 start-up trials", n_startup=10),
    "tpe20": Search("TPE, 20 start-up trials"),
    "tpe10-near": Search("TPE, 10, told what was near learning", n_startup=10, near=True),
    "tpe20-near": Search("TPE, 20, told what was near learning", near=True),
    "tpe10-chance": Search("TPE, 10, chance told as it is", n_startup=10, chance=False),
    "tpe20-chance": Search("TPE, 20, chance told as it is", chance=False),
    "tpe20-median": Search("TPE, 20, median", pruner="median"),
    "tpe20-asha": Search("TPE, 20, ASHA", pruner="asha"),
    "tpe20-questions": Search("TPE, 20, starts from questions", questions=True),
    "random-asha": Search("random search, ASHA", "random", pruner="asha"),
    "random-confirm": Search("random search, best again", "random", confirm=True),
    "optuna-confirm": Search("Optuna at its defaults, best again", peer=True, chance=False, confirm=True),
    "tpe10-confirm": Search("TPE, 10, best again", n_startup=10, confirm=True),
    "tpe20-confirm": Search("TPE, 20, best again", confirm=True),
    "joint": JOINT,
    "joint-unasked": replace(JOINT, words="`joint`, no question asked before", questions=False, reference=True),
    "joint-10": replace(JOINT, words="`joint` with 10 start-up trials", n_startup=10),
    "joint-median": replace(JOINT, words="`joint` with the median", pruner="median"),
    "joint-none": replace(JOINT, words="`joint` without pruning", pruner="none"),
    "joint-near": replace(JOINT, words="`joint`, told what was near learning", near=True),
    "joint-alone": replace(JOINT, words="`joint` that trains nothing again", confirm=False),
    "joint-median-alone": replace(
        JOINT, words="`joint` with the median that trains nothing again", pruner="median", confirm=False
    ),
    "joint-counted": replace(JOINT, words="`joint`, questions counted", counts=True),
    "questions": Search("questions alone", questions=True, alone=True),
    "questions-counted": Search("questions alone, counted", questions=True, counts=True, alone=True),
}
