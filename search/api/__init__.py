"""What `import search` offers; `search/__init__.py` gives it out.

functions.py    load_study, run_study, read_answer
answer.py       `StudyAnswer`, which they return: plain, frozen data
results.py      what it is made of
conversion.py   makes it of `search.answer.Answer`
tables.py       the trials as a pandas DataFrame
exported.py     everything as tables of plain rows, and as one document
dictionary.py   what their columns mean

Only `functions.py`, `answer.py` and `results.py` are imported at once; they import nothing but the standard library.
"""

from search.api.answer import StudyAnswer
from search.api.functions import load_study, read_answer, run_study
from search.api.results import EffectResult, Interval, LevelDifference, LevelResult, MeanCost

__all__ = [
    "EffectResult",
    "Interval",
    "LevelDifference",
    "LevelResult",
    "MeanCost",
    "StudyAnswer",
    "load_study",
    "read_answer",
    "run_study",
]
