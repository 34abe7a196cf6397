"""What a study file is refused for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.errors import StudyFileError
from search.study import Study


def refused(load: Callable[[str], Study], text: str) -> str:
    """The message of a study file that must be refused; `load` is the fixture."""
    with pytest.raises(StudyFileError) as raised:
        load(text)
    return str(raised.value)
