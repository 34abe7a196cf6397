"""How settings name code of one's own: `model = "my_model.py:build"`, and its parameters `"model.units"`.

Imports no Keras.
"""

from __future__ import annotations

import re

FORM = "FILE.py:FUNCTION"
KINDS = ("model", "augmentation")  # the settings that take it

_REFERENCE = re.compile(r"([\w.-]+\.py):([A-Za-z_]\w*)", re.ASCII)
_PARAMETER = re.compile(rf"({'|'.join(KINDS)})\.[A-Za-z_]\w{{0,63}}", re.ASCII)


def is_own(value: object) -> bool:
    """Whether a setting's value names code of one's own."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def file_and_function(reference: str) -> tuple[str, str]:
    """The two parts of a reference: `("my_model.py", "build")`.

    Raises:
        ValueError: it has another form.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ValueError(f"{reference!r} names no code; allowed: {FORM}")
    return found[1], found[2]


def kind_of(parameter: str) -> str | None:
    """Whose parameter it is: "model" for "model.units"; None for a setting of `TrainConfig`'s own."""
    found = _PARAMETER.fullmatch(parameter)
    return found[1] if found else None
