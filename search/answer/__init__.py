"""The answer: what a study found, with honest intervals.

variance.py       the variance of a mean over photographs and trained models, whatever cells there are
intervals.py      intervals and p-values from it
measures.py       accuracy, recall and F1 as sums over photographs
measure_table.py  their table: names, words, directions
learning.py       whether a training learnt, and at how many seeds a level does
levels.py         levels compared, paired, corrected for their number
equivalence.py    whether a difference is small: equivalent, not inferior
simultaneous.py   several levels decided together, with intervals that say the same
planning.py       what it would take to tell more
search_result.py  a search: best trial, Pareto front
own_model.py      what a model of one's own is made of
evidence.py       whether the best beats the reference model on new seeds
importance.py     which parameters matter in a search
answer.py         `Answer`: all of it together
sentence.py       it in plain English
verdicts.py       what is decided about levels, in plain English
advice.py         what it would take to tell more, in plain English
wording.py        figures and levels as a person writes them
rows.py           the tables, as texts
facts.py          design, data and machine in words
method.py         how it was computed, for a page's reader
terminal.py       for a terminal of 80 columns
markdown.py       for MLflow and the Optuna dashboard
wrong.py          the test images most often wrong
fits.py           what fits on which card
card.py           the model card of a champion
"""

from search.answer.answer import Answer, answer_of
from search.folder.load import Recorded, find, find_all, recorded

__all__ = ["Answer", "Recorded", "answer_of", "find", "find_all", "recorded"]
