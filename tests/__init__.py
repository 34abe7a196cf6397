"""Tests. A package, so that `tests/search` and `tests/trainer` do not hide the packages of those names."""
