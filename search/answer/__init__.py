"""The answer: what a study found, with honest intervals.

statistics/       intervals, simultaneous decisions, equivalence, planning: of arrays, whatever they mean
measures.py       accuracy, recall and F1 as sums over photographs
balanced.py       balanced accuracy and specificity likewise
probabilities.py  AUROC, and the calibration error, of the probabilities in scores.py
measure_table.py  their table: names, words, directions
learning.py       whether a training learnt, and at how many seeds a level does
levels.py         levels compared, paired, corrected for their number
factorial.py      two crossed parameters: main effects and interactions
looks.py          which levels leave at which look
tuned.py          which learning rate each level is measured at, cross-fitted
search_result.py  a search: best trial, Pareto front
confirmed.py      which of the best holds on new seeds
regret.py         what more trials of a search would bring
rungs.py          what pruning stopped and saved
own_model.py      what a model of one's own is made of
evidence.py       whether the best beats the reference model on new seeds
importance.py     which parameters matter in a search
answer.py         `Answer`: all of it together
words/            it in plain English
tables/           the tables: as texts, for a terminal, as Markdown; the model card of a champion
wrong.py          the test images most often wrong
fits.py           what fits on which card
"""

from search.answer.answer import Answer, answer_of
from search.folder.load import StoredStudy, find, find_all, recorded

__all__ = ["Answer", "StoredStudy", "answer_of", "find", "find_all", "recorded"]
