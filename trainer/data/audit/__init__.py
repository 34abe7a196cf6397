"""`python -m trainer.data audit`: what is in a folder of images.

audit.py     the findings, and their tables
pictures.py  the class frequencies, and a sheet of samples
sheets.py    photographs with their copies, and those that leak
panels.py    what these pictures have in common
"""
