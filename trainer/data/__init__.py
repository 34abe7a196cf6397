"""Folders of images: listing, decoding once into a cache, finding photographs, and splitting by them.

Imports no Keras, and nothing that draws. `python -m trainer.data --help` shows what can be done with a folder by hand.
"""

from trainer.data.dataset import Dataset, open_dataset
from trainer.data.demo import DEMO_VERSION, ensure_demo, write_demo
from trainer.data.index import Index, scan
from trainer.data.options import DataOptions
from trainer.data.prepare import CacheReport, prepare
from trainer.data.resizing import ImageSize

__all__ = [
    "DEMO_VERSION",
    "CacheReport",
    "DataOptions",
    "Dataset",
    "ImageSize",
    "Index",
    "ensure_demo",
    "open_dataset",
    "prepare",
    "scan",
    "write_demo",
]
