"""The demo set: stained blood cells, drawn by code.

demo.py         the folder of images, and what is true of it
smear.py        one photograph of a smear
white_cells.py  the four white cells
drawing.py      shapes and textures
"""
