"""`make up`, with a made-up Docker: what is said before anything is started, and the addresses at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
  "compose version"*) ;;
  "info"*) echo "$RUNTIMES" ;;
  "compose port"*) [ -z "$UP" ] || echo "127.0.0.1:$UP" ;;
  "compose up"*) [ -n "$STARTS" ] && UP=1 || exit 1 ;;
  "compose logs"*same-folder) echo "The stack x belongs to another folder" ;;
  "compose logs"*postgres) echo "starting"; echo "POSTGRES_VOLUME is set, and"; echo "POSTGRES_VOLUME is set, and" ;;
  "compose exec --no-TTY mlflow python -m search.stack.access") [ -z "$LOGIN" ] || echo "Login of both: so" ;;
  "compose config"*) printf '{\\n  "name": "cells",\\n  "services": {}\\n}\\n' ;;
  "image inspect --format"*) echo "$VOLUMES " ;;
  "image inspect"*postgres*) [ -n "$VOLUMES" ] && [ -z "$ELSEWHERE" -o -e "$CALLS.pulled" ] ;;
  "image inspect"*) exit 1 ;;
  "pull"*) [ -n "$VOLUMES" ] && touch "$CALLS.pulled" ;;
  *) exit 9 ;;
esac
"""


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


class Folder:
    """A folder of the project with a space and an accent in its name, and a made-up `docker`."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "Ada's Zellen é"
        shutil.copytree(ROOT / "search" / "stack", self.path / "search" / "stack")
        (tmp_path / "bin").mkdir()
        docker = tmp_path / "bin" / "docker"
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        # An account of this user, and of $ACCOUNTS; those of machines and of daemons do not count.
        getent = docker.with_name("getent")
        getent.write_text(
            "#!/bin/sh\n"
            f'echo "me:x:{max(os.getuid(), 1000)}:1::/:/bin/bash"; echo "www:x:33:33::/:/bin/sh"\n'
            'echo "nobody:x:65534:1::/:/bin/sh"; echo "svc:x:1700:1::/:/usr/sbin/nologin"\n'
            '[ -z "$ACCOUNTS" ] || echo "$ACCOUNTS:x:1701:1::/:/bin/zsh"\n'
        )
        getent.chmod(0o755)
        self.calls = tmp_path / "calls"
        self.environment = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "CALLS": str(self.calls)}
        self.homes = tmp_path / "home"
        self.homes.mkdir()
        self.environment["HOMES"] = str(self.homes)
        self.environment["SUDO_UID"] = str(max(os.getuid(), 1000))

    def up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        ports = {"MLFLOW_PORT": port, "DASHBOARD_PORT": port, "POSTGRES_PORT": port}
        return subprocess.run(
            ["bash", str(self.path / "search" / "stack" / "up.sh")],
            capture_output=True,
            text=True,
            check=False,
            env={**self.environment, **ports, **environment},
        )

    @property
    def was_started(self) -> bool:
        return "compose up" in self.calls.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_port_that_is_taken_is_told_before_anything_starts(folder: Folder, taken: int) -> None:
    run = folder.up(MLFLOW_PORT=str(taken), RUNTIMES="nvidia")
    assert (run.returncode, folder.was_started) == (2, False)
    assert run.stderr == (
        f"Port {taken} on 127.0.0.1, meant for mlflow, is taken. Set another one in .env: MLFLOW_PORT={taken + 1}\n"
        "Nothing was started.\n"
    )


def test_ports_are_read_from_the_env_file(folder: Folder, taken: int) -> None:
    (folder.path / ".env").write_text(f'# ports\nexport DASHBOARD_PORT="{taken}"\r\n')
    run = folder.up(DASHBOARD_PORT="")
    assert f"Port {taken} on 127.0.0.1, meant for optuna-dashboard, is taken." in run.stderr


def test_a_port_of_the_stacks_own_is_not_taken(folder: Folder, taken: int) -> None:
    run = folder.up(MLFLOW_PORT=str(taken), UP=str(taken), STARTS="yes", RUNTIMES="nvidia")
    assert run.returncode == 0, run.stderr
    assert "compose up --detach --wait\n" in folder.calls.read_text()
    assert run.stdout.splitlines()[-3:] == [
        f"MLflow:            http://127.0.0.1:{taken}",
        f"Optuna dashboard:  http://127.0.0.1:{taken}/dashboard",
        "A study:           docker compose run --rm search --study pooling",
    ]


@pytest.mark.parametrize("elsewhere", ["", "yes"], ids=["an image that is here", "one that is pulled"])
def test_an_image_of_postgres_that_wants_its_volume_elsewhere_is_told(folder: Folder, elsewhere: str) -> None:
    image = "registry.example:5000/postgres@sha256:00"
    (folder.path / ".env").write_text(f"POSTGRES_IMAGE={image}\n")
    run = folder.up(RUNTIMES="nvidia", VOLUMES="/var/lib/postgresql", ELSEWHERE=elsewhere)
    assert (run.returncode, folder.was_started) == (2, False)
    assert run.stderr == (
        f"POSTGRES_IMAGE={image} wants its volume elsewhere, as Postgres does from 18 on. Set in .env: "
        "POSTGRES_VOLUME=/var/lib/postgresql\nNothing was started.\n"
    )


@pytest.mark.parametrize(
    ("settings", "volumes"),
    [
        ("POSTGRES_IMAGE=postgres:18\nPOSTGRES_VOLUME=/var/lib/postgresql\n", "/var/lib/postgresql"),
        ("POSTGRES_IMAGE=postgres:17\n", "/var/lib/postgresql/data"),
        ("POSTGRES_IMAGE=postgres:none\n", ""),
        ("", ""),
    ],
    ids=["told already", "up to 17", "no such image, which compose says", "the default"],
)
def test_other_images_of_postgres_are_started(folder: Folder, settings: str, volumes: str) -> None:
    (folder.path / ".env").write_text(settings)
    assert folder.up(RUNTIMES="nvidia", STARTS="yes", UP="1", VOLUMES=volumes).returncode == 0


def test_a_folder_of_images_that_is_not_there_is_told(folder: Folder) -> None:
    run = folder.up(BLOOD_CELLS_DIR="/nowhere/cells")
    assert (run.returncode, folder.was_started) == (2, False)
    assert "BLOOD_CELLS_DIR=/nowhere/cells: no such folder. Set it in .env, or leave it out" in run.stderr
    run = folder.up(BLOOD_CELLS_DIR="search")
    assert f"BLOOD_CELLS_DIR=search: a path from the root is needed: {folder.path}/search" in run.stderr


def test_without_a_gpu_images_are_for_the_cpu_and_it_is_said(folder: Folder) -> None:
    run = folder.up(STARTS="yes", UP="1")
    assert run.stdout.splitlines()[0].startswith("Docker knows no NVIDIA GPU here")
    assert run.stdout.splitlines()[-1] == "A study:           docker compose run --rm search --study pooling"
    files = "COMPOSE_FILE=docker-compose.yml:docker-compose.cpu.yml"
    why = "Docker knows no NVIDIA GPU here (no Container Toolkit), so images are for the CPU"
    assert run.stdout.splitlines()[0] == f"{why}: {files} (written into .env)"
    assert (folder.path / ".env").read_text() == f"# {why}\n{files}\n", "plain docker compose follows, too"
    assert "written" not in folder.up(STARTS="yes", UP="1").stdout
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia")
    assert run.stdout.startswith("Docker knows an NVIDIA GPU, and COMPOSE_FILE leaves it alone: docker-compose.yml:")


def test_a_gpu_image_is_told_before_it_is_built(folder: Folder) -> None:
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia")
    assert run.stdout.startswith("The first start builds the trainers' image with CUDA: about 7 GB, some minutes.\n")
    assert not (folder.path / ".env").exists()


def test_a_machine_with_accounts_of_others_asks_for_a_login(folder: Folder) -> None:
    """By a line in .env, after what stands there; it is not written again, and what the user wrote stays."""
    (folder.path / ".env").write_text("MLFLOW_PORT=")  # without an end of line
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia", ACCOUNTS="bob")
    why = "This machine has accounts of other people (bob), so both pages ask for a login"
    assert f"{why}: LOGIN=on (written into .env)" in run.stdout
    assert (folder.path / ".env").read_text() == f"MLFLOW_PORT=\n# {why}\nLOGIN=on\n"
    assert "LOGIN" not in folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia", ACCOUNTS="bob").stdout
    (folder.path / ".env").write_text("LOGIN=off\n")
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia", ACCOUNTS="bob")
    assert "ask for no login (LOGIN=off), and this machine has accounts of other people: bob\n" in run.stdout
    assert (folder.path / ".env").read_text() == "LOGIN=off\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to other accounts, which takes root")
def test_accounts_that_a_directory_does_not_list_are_known_by_their_folders(folder: Folder) -> None:
    for name, number in (("zoe", 70001), ("svc", 1700), ("me", int(folder.environment["SUDO_UID"]))):
        (folder.homes / name).mkdir()
        os.chown(folder.homes / name, number, -1)
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia")
    assert "This machine has accounts of other people (zoe), so both pages ask for a login" in run.stdout


def test_one_persons_machine_asks_for_no_login(folder: Folder) -> None:
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia")
    assert "login" not in run.stdout
    assert not (folder.path / ".env").exists()


def test_how_to_log_in_is_told_with_the_addresses(folder: Folder) -> None:
    run = folder.up(STARTS="yes", UP="1", RUNTIMES="nvidia", LOGIN="on")
    assert run.stdout.splitlines()[-2] == "Login of both: so"


def test_a_start_that_fails_says_why(folder: Folder) -> None:
    run = folder.up()
    assert run.returncode == 1
    assert run.stderr == (
        "The stack x belongs to another folder\n"
        "POSTGRES_VOLUME is set, and\n"
        "The stack did not start. What each service said: docker compose logs\n"
    )  # fmt: skip
