"""What the user sees while a study runs.

callbacks.py  what is called when something happens; shows nothing
progress.py   bars on a terminal, lines in a log
"""
