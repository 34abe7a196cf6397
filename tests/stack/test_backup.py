"""`make backup` and `make restore`, with a made-up Docker: what is asked of it, and what is refused beforehand.

That a backup goes into another stack is tested on the real one (`test_stack`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
  "compose version"*|"info"*) ;;
  "compose ps"*) printf '%s\\n' $UP ;;
  "compose config"*) printf '{\\n  "name": "cells",\\n  "services": {}\\n}\\n' ;;
  *pg_dump*) [ -z "$BROKEN" ] && echo "dump of $*" || exit 1 ;;
  *"tar -C"*) case "$*" in *-xf*) cat >/dev/null ;; *) echo "tar of $*" ;; esac ;;
  *pg_restore*) cat >/dev/null ;;
  *) ;;
esac
"""
ALL = "postgres mlflow optuna-dashboard"


class Folder:
    """A folder of the project with a space and an accent in its name, and a made-up `docker`."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "Ada's Zellen \u00e9"
        shutil.copytree(ROOT / "search" / "stack", self.path / "search" / "stack")
        docker = tmp_path / "bin" / "docker"
        docker.parent.mkdir()
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        self.calls = tmp_path / "calls"
        self.environment = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "CALLS": str(self.calls), "UP": ALL}

    def run(self, name: str, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            ["bash", str(self.path / "search" / "stack" / f"{name}.sh"), *arguments],
            capture_output=True, text=True, check=False, input=stdin, cwd=self.path,
            env={**self.environment, **environment},
        )  # fmt: skip

    def changed_anything(self) -> bool:
        return any(word in self.calls.read_text() for word in ("psql", "stop", "-xf", "up --detach"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def backup(folder: Folder) -> Path:
    run = folder.run("backup", "my backup")
    assert run.returncode == 0, run.stderr
    return folder.path / "my backup"


def test_a_backup_has_both_databases_artifacts_and_journals(backup: Path, folder: Folder) -> None:
    names = {"optuna.dump", "mlflow.dump", "artifacts.tar", "runs.tar", "versions.txt", "SHA256SUMS"}
    assert {path.name for path in backup.iterdir()} == names
    assert all(path.stat().st_mode & 0o077 == 0 for path in (backup, *backup.iterdir())), "nobody else reads it"
    calls = folder.calls.read_text()
    assert calls.index("pg_dump --format custom mlflow") < calls.index("tar -C /artifacts -cf"), (
        "what is named is in it"
    )
    assert "--exclude ./.folder" in calls
    assert "secret" not in calls


def test_a_backup_without_a_name_is_called_after_the_time(folder: Folder) -> None:
    run = folder.run("backup")
    (made,) = (folder.path / "backups").iterdir()
    assert run.stdout.splitlines()[-1].startswith(f"The backup: {made} (")
    assert run.stdout.endswith(f"Put back: make restore ARGS='{made}'\n")


def test_a_backup_that_fails_is_no_backup(folder: Folder) -> None:
    assert folder.run("backup", "mine", BROKEN="yes").returncode == 1
    assert not (folder.path / "mine").exists()


def test_a_backup_overwrites_none(backup: Path, folder: Folder) -> None:
    run = folder.run("backup", "my backup")
    assert run.returncode == 2
    assert run.stderr == f"{backup}: is there already. Name another folder: make backup ARGS=FOLDER\n"


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_stack_that_is_not_up_is_told(name: str, backup: Path, folder: Folder) -> None:
    run = folder.run(name, "another" if name == "backup" else str(backup), UP="postgres")
    assert (run.returncode, folder.changed_anything()) == (2, False)
    assert run.stderr == "The stack cells is not up: make up\n"


def test_what_is_no_backup_is_refused(folder: Folder, backup: Path) -> None:
    run = folder.run("restore")
    assert (run.returncode, run.stderr) == (2, "Name the folder of a backup: make restore ARGS=FOLDER\n")
    run = folder.run("restore", "nowhere", "--yes")
    assert (run.returncode, run.stderr) == (
        2,
        f"{folder.path}/nowhere: is no folder of a backup: found no SHA256SUMS\n",
    )
    (backup / "mlflow.dump").write_text("half")
    run = folder.run("restore", str(backup), "--yes")
    assert (run.returncode, folder.changed_anything()) == (2, False)
    assert run.stderr.endswith(f"{backup}: was changed or damaged since it was written. Nothing was restored.\n")


def test_a_restore_asks_first(folder: Folder, backup: Path) -> None:
    for answer in ("", "n\n"):
        run = folder.run("restore", str(backup), stdin=answer)
        assert (run.returncode, folder.changed_anything()) == (2, False)
        assert run.stdout == "Nothing was restored.\n"
    assert folder.run("restore", str(backup), stdin="y\n").returncode == 0


def test_a_restore_reads_everything_before_it_replaces_anything(folder: Folder, backup: Path) -> None:
    run = folder.run("restore", str(backup), "--yes")
    assert run.returncode == 0, run.stderr
    calls = folder.calls.read_text()
    last_read = calls.rindex("pg_restore --exit-on-error")
    assert last_read < calls.index("compose stop mlflow optuna-dashboard") < calls.index("DROP DATABASE optuna WITH")
    assert calls.splitlines()[-1] == "compose up --detach --wait mlflow optuna-dashboard"
    assert "! -name .folder" in calls, "the stack stays this folder's"
