"""The answer in tables.

rows.py      the tables, as texts
terminal.py  for a terminal of 80 columns
markdown.py  for MLflow and the Optuna dashboard
card.py      the model card of a champion
"""
