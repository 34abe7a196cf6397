"""The answer in plain English.

sentence.py  the answer's sentences, put together
verdicts.py  what is decided about levels
advice.py    what it would take to tell more
facts.py     design, data and machine
method.py    how it was computed, for a page's reader
wording.py   figures and levels as a person writes them
"""
