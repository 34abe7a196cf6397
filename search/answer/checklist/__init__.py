"""A checklist for the report of a study, after CLAIM 2024 and TRIPOD+AI, with what the study knows filled in.

items.py    the items, in our own words, and what answers each
design.py   what a study knows of its design, its model and its method
data.py     of its images
results.py  of its results

Its page is made by `search.pages.checklist`.

Items are paraphrased; the numbers are those of the two guidelines:

- CLAIM: Tejani, Klontzas, Gatti and others 2024, "Checklist for Artificial Intelligence in Medical Imaging (CLAIM):
  2024 Update", Radiology: Artificial Intelligence 6(4), e240300. 44 items.
- TRIPOD+AI: Collins, Moons, Dhiman and others 2024, "TRIPOD+AI statement: updated guidance for reporting clinical
  prediction models that use regression or machine learning methods", BMJ 385, e078378. 27 items; their letters (5a, 5b)
  are left out.
"""

from search.answer.checklist.items import ITEMS, Item

__all__ = ["ITEMS", "Item"]
