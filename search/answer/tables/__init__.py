"""The answer in tables.

table.py     a table, as texts
rows.py      those of an answer
effects.py   that of a question that crosses two parameters
rungs.py     that of a search that prunes
terminal.py  for a terminal of 80 columns
markdown.py  for MLflow and the Optuna dashboard
card.py      the model card of a champion
"""
