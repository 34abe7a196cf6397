"""The answer where people look: a page with figures, files beside the study, MLflow, the Optuna dashboard.

page.py       for a browser: one file; page.html.jinja, page.css, page.js
checklist.py  what a report must say, with what the study knows; checklist.html.jinja
style.py      the templates and the style that pages share
publish.py    puts it where people look
"""
