"""What lies on disk of a study.

record.py      what is known of a study and of a trial, as plain data
journal.py     what trainers said, on disk before anyone else is told
curve.py       a journal as pruners see it, from the start of learning
manifest.py    `study.json`: what a study's trials mean, and which stores record them
code.py        copies of the files of one's own that its trials were made with
names.py       the name that a study runs under
lock.py        one controller a study
provenance.py  versions, the commit, the command
"""
