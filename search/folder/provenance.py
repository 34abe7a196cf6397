"""What a study was made with: versions, the checkout's commit, the command."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from search.addresses.urls import shown_url
from search.settings import Places
from trainer.environment import process_environment

CHECKOUT = "SEARCH_CHECKOUT"
CODE = ("search/", "trainer/", "studies/")


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
    """The checkout's commit, with `-dirty` where files differ from it.

    In a container, whose image has no git, SEARCH_CHECKOUT says where the checkout is mounted; the code that differs or
    not is the image's.
    """
    folder = Path(__file__).resolve().parents[2]
    if mounted := os.environ.get(CHECKOUT):
        return _commit_of(folder, Path(mounted))
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


def _commit_of(code: Path, checkout: Path) -> str | None:
    """The checkout's commit, with `-dirty` where the code is not the commit's; None of what is no checkout."""
    from dulwich.errors import NotGitRepository
    from dulwich.object_store import iter_tree_contents
    from dulwich.objects import Blob, Commit
    from dulwich.repo import Repo

    try:
        with Repo(str(checkout)) as repository:
            head = repository.head()
            commit = repository[head]
            assert isinstance(commit, Commit)
            same = all(
                (code / path).is_file() and Blob.from_string((code / path).read_bytes()).id == entry.sha
                for entry in iter_tree_contents(repository.object_store, commit.tree)
                if entry.path is not None and (path := os.fsdecode(entry.path)).startswith(CODE)
            )
    except (NotGitRepository, KeyError, OSError):  # no checkout, one without a commit, a worktree of one elsewhere
        return None
    return head.decode() if same else f"{head.decode()}-dirty"


def without_secrets(command: str, places: Places) -> str:
    """A command line whose addresses may hold passwords, without these."""
    for url in (places.storage_url, places.tracking_uri):
        command = command.replace(url, shown_url(url))
    return command
