"""One image file to pixels.

reader.py       what is accepted, and the one function that reads
formats.py      which format a file has, by its first bytes
jpeg_file.py    missing pixels of a JPEG file
png_file.py     a PNG file without what is beside its pixels
tiff_file.py    the header of a TIFF file, and its colors of more than 8 bits
conversions.py  any mode, made 8-bit gray or RGB
depth.py        images of more than 8 bits: the range of a folder
resizing.py     any shape to that of the model
"""
