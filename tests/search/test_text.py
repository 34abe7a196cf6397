"""Values as people write them."""

from __future__ import annotations

import pytest

from search.text import shown


@pytest.mark.parametrize(
    ("value", "text"), [(5e-04, "0.0005"), (0.35, "0.35"), (4, "4"), (True, "True"), ("max", "max"), ("", '""')]
)
def test_a_value(value: str | int | float | bool, text: str) -> None:
    assert shown(value) == text
