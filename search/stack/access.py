"""Who may use the pages, of the stack and of `search.ui`: under which names, from which pages, and with which login.

One user and one password for both pages, made at the first start; HTTP's basic authentication (RFC 7617). `LOGIN=on` or
`off` in .env decides. Without it a login is asked where ALLOWED_HOSTS has a name that is none of the machine's own, so
that others reach the pages; on a machine with other people's accounts `make up` writes LOGIN=on, and `search.ui` asks.

    python -m search.stack.access        says how to log in, where it has to be said
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import os
import pwd
from pathlib import Path

from search.errors import SettingsError

LOGIN, FURTHER_HOSTS = "LOGIN", "ALLOWED_HOSTS"  # as in .env
USER = "admin"
PASSWORD_FILE = "PAGES_PASSWORD_FILE"
PASSWORD = Path(os.environ.get(PASSWORD_FILE) or "/secrets/pages/password")
PEOPLE = range(1000, 60001)  # the numbers of their accounts: UID_MIN and UID_MAX of login.defs(5)
HOMES = Path("/home")
NO_SHELLS = ("nologin", "false")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def login_is_wanted() -> bool:
    """Whether the environment asks for a login.

    Raises:
        SettingsError: LOGIN is neither on nor off.
    """
    said = os.environ.get(LOGIN, "").strip().lower()
    if said not in ("", "on", "off"):
        raise SettingsError(f"{LOGIN}={said}: allowed are on and off, or nothing")
    further = names_in(os.environ.get(FURTHER_HOSTS, ""))
    return said == "on" or (not said and any(name.rpartition(":")[0] not in LOOPBACK for name in further))


def others_here() -> list[str]:
    """The accounts of other people on this machine, by name: as `make up` counts them (search/stack/common.sh).

    A directory of a laboratory (LDAP, SSSD) does not list its accounts; those who have been here have a folder.
    """
    mine = int(os.environ.get("SUDO_UID") or os.getuid())
    listed = pwd.getpwall()
    people = [entry for entry in listed if entry.pw_uid in PEOPLE and entry.pw_uid != mine]
    names = {entry.pw_name for entry in people if not entry.pw_shell.endswith(NO_SHELLS)}
    known = {entry.pw_uid for entry in listed} | {0, mine}
    with contextlib.suppress(OSError):
        names |= {home.name for home in HOMES.iterdir() if home.is_dir() and home.stat().st_uid not in known}
    return sorted(names)


def names_in(text: str) -> set[str]:
    """Names of hosts, which stand with commas between them."""
    return {name.strip() for name in text.split(",") if name.strip()}


def refused_origin(origin: str | None, names: set[str]) -> str:
    """Why a request from a page with this Origin is refused; empty where it is not.

    A request without Origin is no page's: browsers send it with whatever changes something (Fetch Standard, 3.1.2).
    """
    if origin is None or origin.partition("://")[2] in names:
        return ""
    return f"A page of {origin!r} may change nothing here; allowed: pages of {', '.join(sorted(names))}"


def authorization(password: str) -> str:
    """The header Authorization of the user."""
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


def is_authorized(header: str, password: str) -> bool:
    """Whether a header Authorization is the user's. An empty password is nobody's."""
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    right = f"{USER}:{password}".encode()
    return bool(password) and scheme.lower() == "basic" and hmac.compare_digest(given, right)


if __name__ == "__main__" and login_is_wanted():
    print(f"Login of both:     {USER}, with the password that this prints: docker compose exec mlflow cat {PASSWORD}")
