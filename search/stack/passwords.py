"""Makes the passwords of the stack that are not there yet: the one-shot service `secrets`.

    python -m search.stack.passwords DIR...

The folder's name is that of a role of the database, or of what else asks for a password. In it stand `password`, which
the group may read (the database's own container does), and `pgpass`, which libpq reads for a URL that ends in
`?passfile=DIR/pgpass`. Nothing is printed.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

BYTES = 24  # 192 bits; 32 characters, none of which pgpass or a URL would have to escape


def make_password(folder: Path) -> None:
    """Makes what is missing; a password that is there stays."""
    password = folder / "password"
    if not password.exists() or not password.read_text():
        _write(password, secrets.token_urlsafe(BYTES), 0o440)
    _write(folder / "pgpass", f"*:*:*:{folder.name}:{password.read_text()}\n", 0o400)  # libpq refuses more than 0600


def _write(path: Path, text: str, mode: int) -> None:
    """The file appears whole, with its mode, or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    partial.replace(path)


def main(folders: Sequence[str]) -> None:
    """The command."""
    for folder in folders:
        make_password(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
