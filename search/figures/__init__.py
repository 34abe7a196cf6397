"""Figures of an answer and of a trial, drawn by matplotlib: inline SVG for the page, PNG for everything else.

    style.py          colours, SVG that follows light and dark, PNG
    accuracy.py       accuracy by level, differences to the reference level
    difference_rows.py  differences with their intervals, a row each
    rates.py          accuracy against learning rate by level
    curves.py         learning curves by level
    confusion.py      confusion matrices
    reliability.py    how often the model is right where it is so sure
    factorial.py      of two crossed parameters: a heat map, main effects and interactions
    cost.py           accuracy against memory or parameters
    search_result.py  of a search: history, Pareto front, importances, parallel coordinates
    wrong.py          the test images most often wrong
    gallery.py        which figures an answer has
    trial.py          learning curves and confusion matrix of one trial
    in_process.py     has figures drawn in a process of its own, drawing_process.py

Plotly's figures would carry 4.5 MB of script into every page, and say nothing that the tables do not; these take about
40 KB each, print, need no script, and are the same in the README.
"""
