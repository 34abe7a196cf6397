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
  "ps "*) printf '%s' "$RUNNING" ;;
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
    assert calls.index("pg_dump --format custom mlflow") < calls.index('tar -C "/artifacts" --exclude'), (
        "what is named is in it"
    )
    assert "--exclude ./.folder" in calls
    assert "secret" not in calls


def test_a_backup_without_a_name_is_called_after_the_time(folder: Folder) -> None:
    run = folder.run("backup")
    (made,) = (folder.path / "backups").iterdir()
    assert run.stdout.splitlines()[-1].startswith(f"The backup: {made} (")
    shown = run.stdout.rpartition("Put back: bash search/stack/restore.sh ")[2]
    words = subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, text=True, check=True)
    assert words.stdout == str(made), "one word for a shell, whatever the folder is called"


def test_a_backup_that_fails_is_no_backup(folder: Folder) -> None:
    assert folder.run("backup", "mine", BROKEN="yes").returncode == 1
    assert not (folder.path / "mine").exists()


def test_a_backup_overwrites_none(backup: Path, folder: Folder) -> None:
    run = folder.run("backup", "my backup")
    assert run.returncode == 2
    assert run.stderr == f"{backup}: is there already. Name another folder: make backup ARGS=FOLDER\n"


def test_a_backup_takes_one_folder(folder: Folder) -> None:
    run = folder.run("backup", "/mnt/my", "disk/b")
    assert run.returncode == 2
    assert run.stderr.startswith("One folder, found 2: put a name with spaces in quotes twice")


def test_a_running_study_is_not_restored_over(folder: Folder, backup: Path) -> None:
    run = folder.run("restore", str(backup), "--yes", RUNNING="abc123")
    assert (run.returncode, folder.changed_anything()) == (2, False)
    assert run.stderr.startswith("A study runs in a container of this stack: end it first (docker stop abc123).")


@pytest.mark.parametrize(("name", "up"), [("backup", "postgres"), ("restore", "mlflow")])
def test_a_stack_that_is_not_up_is_told(name: str, up: str, backup: Path, folder: Folder) -> None:
    run = folder.run(name, "another" if name == "backup" else str(backup), UP=up)
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
    stop, up = calls.index("compose stop mlflow optuna-dashboard"), calls.index("compose up --detach --wait mlflow")
    for read in ("pg_restore --exit-on-error", 'tar -C "/artifacts/.restored" -xf', 'tar -C "/runs/.restored" -xf'):
        assert calls.rindex(read) < stop
    assert stop < calls.index("ALTER DATABASE optuna_restored RENAME TO optuna") < up
    for lost in ("DROP DATABASE IF EXISTS optuna_before", "rm -rf /artifacts/.before", "rm -rf /runs/.before"):
        assert up < calls.index(lost), "what was there goes when the stack is up with what was restored"
    assert "! -name .folder" in calls, "the stack stays this folder's"
