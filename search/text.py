"""Values and spans of time as people write them."""

from __future__ import annotations

from pathlib import Path


def shown(value: str | int | float | bool) -> str:
    """A parameter's value as a person writes it: 0.0005, not 5e-04; a text without a letter as `""`."""
    return f"{value:.6g}" if isinstance(value, float) else str(value) or '""'


def plain(text: str) -> str:
    """A text that every store and file takes: bytes of a path that are no UTF-8, lone surrogates in Python, escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_utf8(path: str) -> bool:
    """Whether all bytes of a path are UTF-8."""
    return plain(path) == path


def first_upper(text: str) -> str:
    """The text with a capital letter, to begin a sentence."""
    return text[:1].upper() + text[1:]


def duration(seconds: float) -> str:
    """A span of time, as `45 s`, `12 min` or `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """An amount of bytes, as `512 B`, `3.4 MiB` or `12.0 GiB`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def bytes_in(folder: Path) -> int:
    """How much all files in a folder hold; what goes away meanwhile, or cannot be seen, counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                total += path.stat().st_size
        except OSError:
            continue
    return total
