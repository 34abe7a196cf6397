"""Our part of a text that is also a person's: a description in MLflow, a note on the Optuna dashboard.

What somebody wrote there is theirs. Ours is the only part that is ever written again: a line that Markdown does not
show says how many characters above it are ours, and their CRC-32. So a list of descriptions, which shows a text's
beginning as it is, begins with our words; and where somebody changed those, they are theirs from then on. The line,
`[//]: # (...)`, is a link's definition without a link (CommonMark 0.31, 4.7).
"""

from __future__ import annotations

import re
import zlib

_MARK = re.compile(r"\n*^\[//\]: # \(the search wrote the (\d+) characters above; ([0-9a-f]{8})\)$", re.MULTILINE)
# Older versions put ours between two lines.
_BEGIN = "[//]: # (written by the search; what stands outside these two lines stays)"
_END = "[//]: # (end of what the search wrote)"


def marked(text: str) -> str:
    """The part of a text that is ours."""
    text = text.strip()
    return f"{text}\n\n[//]: # (the search wrote the {len(text)} characters above; {zlib.crc32(text.encode()):08x})"


def parted(there: str) -> tuple[str, str | None, str]:
    """What a person wrote before our part, our part without its mark (None: there is none), and what follows it."""
    there = there.replace("\r\n", "\n")
    if found := _MARK.search(there):
        above, count = there[: found.start()], int(found[1])
        before, ours = above[: len(above) - count], above[len(above) - count :]
        if len(ours) == count and zlib.crc32(ours.encode()) == int(found[2], 16):
            return before, ours, there[found.end() :]
        return _MARK.sub("", there, count=1), None, ""  # somebody changed our words
    before, begun, rest = there.partition(_BEGIN)
    ours, ended, after = rest.partition(_END)
    if begun and ended:
        return before, ours.strip(), after
    return there.replace(_BEGIN, ""), None, ""  # without our last line nobody knows where theirs begins


def merged(there: str, text: str, *, ours: bool = False, limit: int | None = None) -> str:
    """What stands there with `text` as our part.

    Args:
        there: the text so far; empty: none.
        text: ours.
        ours: whether a text without marks is ours as a whole, as the oldest versions wrote it.
        limit: the most characters that the place takes; ours is cut, and never a person's.
    """
    before, found, after = parted(there)
    if found is None and ours and before == there.replace("\r\n", "\n"):
        before = ""
    before = f"{before.strip()}\n\n" if before.strip() else ""
    after = f"\n\n{after.strip()}" if after.strip() else ""
    if limit is not None:
        room = limit - len(before) - len(after) - (len(marked("x" * limit)) - limit)
        if room <= 0:
            return there
        text = text.strip()[:room]
    return f"{before}{marked(text)}{after}"
