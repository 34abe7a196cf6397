"""The statistics of an answer: nothing here knows a study, only arrays and estimates.

variance.py      the variance of a mean over photographs and trained models, whatever cells there are
intervals.py     intervals and p-values from it
equivalence.py   whether a difference is small: equivalent, not inferior
simultaneous.py  several levels decided together, with intervals that say the same
planning.py      what it would take to tell more
"""
