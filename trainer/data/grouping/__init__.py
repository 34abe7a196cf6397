"""Which images are evidence of their own: photographs, by the rule that holds for a folder, and where they stand.

grouping.py      the photograph and the split of every image, and its record on disk
group_images.py  makes it
duplicates.py    files with the same bytes
leaks.py         photographs that stand on several sides
checks.py        what is refused
"""
