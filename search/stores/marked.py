"""Our part of a text that is also a person's: a description in MLflow, a note on the Optuna dashboard.

What somebody wrote there is theirs. Ours stands between two lines that Markdown does not show, and is the only part
that is ever written again. `[//]: # (...)` is a link's definition without a link (CommonMark 0.31, 4.7).
"""

from __future__ import annotations

BEGIN = "[//]: # (written by the search; what stands outside these two lines stays)"
END = "[//]: # (end of what the search wrote)"


def marked(text: str) -> str:
    """The part of a text that is ours."""
    return f"{BEGIN}\n\n{text.strip()}\n\n{END}"


def merged(there: str, text: str, *, ours: bool = False, limit: int | None = None) -> str:
    """What stands there with `text` as our part.

    Args:
        there: the text so far; empty: none.
        text: ours.
        ours: whether a text without marks is ours as a whole, as older versions wrote it.
        limit: the most characters that the place takes; ours is cut, and never a person's.
    """
    before, begun, rest = there.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun:
        before, after = ("", "") if ours else (there, "")
    elif not ended:  # a person took our last line away: nobody knows any more where theirs begins
        before, after = there.replace(BEGIN, "").strip(), ""
    before = f"{before.rstrip()}\n\n" if before.strip() else ""
    after = f"\n\n{after.strip()}" if after.strip() else ""
    if limit is not None:
        room = limit - len(before) - len(after) - len(marked(""))
        if room <= 0:
            return there
        text = text.strip()[:room]
    return f"{before}{marked(text)}{after}"
