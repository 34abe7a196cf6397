"""The answer where people look: a page with figures, files beside the study, MLflow, the Optuna dashboard.

page.py     for a browser: one file; page.html.jinja and page.css
publish.py  puts it where people look
"""
