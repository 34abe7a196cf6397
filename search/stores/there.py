"""Whether there is a store to be asked, before one is made by asking."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy

from search.addresses.urls import normal_url


def may_be_there(url: str) -> bool:
    """Whether there may be a store at this address: of a SQLite file, whether it is there."""
    if not url.startswith("sqlite"):
        return True
    return Path(sqlalchemy.make_url(normal_url(url)).database or "").exists()
