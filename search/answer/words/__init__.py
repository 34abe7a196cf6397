"""The answer in plain English.

sentence.py  the answer's sentences, put together
verdicts.py  what is decided about levels
factorial.py  the answer of a question that crosses two parameters
advice.py    what it would take to tell more
looks.py     which looks were planned, and what each of them decided
unequal.py   what is said where classes are unequal
facts.py     design, data and machine
method.py    how it was computed, for a page's reader
wording.py   figures and levels as a person writes them
"""
