"""What `import search` offers; `search/__init__.py` gives it out.

functions.py    load_study, run_study, read_answer
results.py      what they return: plain, frozen data
conversion.py   makes it of `search.answer.Answer`
tables.py       the trials as a pandas DataFrame

Only `functions.py` and `results.py` are imported at once; they import nothing but the standard library.
"""

from search.api.functions import load_study, read_answer, run_study
from search.api.results import Interval, LevelDifference, LevelResult, MeanCost, StudyAnswer

__all__ = [
    "Interval",
    "LevelDifference",
    "LevelResult",
    "MeanCost",
    "StudyAnswer",
    "load_study",
    "read_answer",
    "run_study",
]
