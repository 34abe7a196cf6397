"""Folders of images: listing, decoding once into a cache, finding photographs, and splitting by them.

Imports no Keras, and nothing that draws. `python -m trainer.data --help` shows what can be done with a folder by hand.
"""

from trainer.data.cache.prepare import CacheReport, prepare
from trainer.data.dataset import Dataset, open_dataset
from trainer.data.demo.demo import DEMO_VERSION, ensure_demo, write_demo
from trainer.data.images.resizing import ImageSize
from trainer.data.index import Index, scan
from trainer.data.options import DataOptions

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
