"""Which images show the same photograph. OpenCV is imported when they are looked for, not before."""

from trainer.data.photographs.finder import find_photographs, foreseen_seconds
from trainer.data.photographs.found import FINDER_VERSION, Found, Link

__all__ = ["FINDER_VERSION", "Found", "Link", "find_photographs", "foreseen_seconds"]
