"""What a study was made with: versions, the checkout's commit, the command."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from search.settings import Places
from search.urls import shown_url
from trainer.environment import process_environment


def versions() -> dict[str, str]:
    """Of Python and of the controller's packages, by name."""
    found = {"python": sys.version.split()[0]}
    for package in ("optuna", "mlflow", "sqlalchemy", "pydantic"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The checkout's commit, with `-dirty` where files differ from it."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env=process_environment(),  # without GIT_DIR and its like, which mean another checkout
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def without_secrets(command: str, places: Places) -> str:
    """A command line whose addresses may hold passwords, without these."""
    for url in (places.storage_url, places.tracking_uri):
        command = command.replace(url, shown_url(url))
    return command
