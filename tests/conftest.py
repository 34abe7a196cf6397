"""What every test gets: a clean environment; and on request a real Postgres, a browser, a few small images.

A fixture whose program is not on this machine skips its tests and says what to install.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw


def pytest_configure(config: pytest.Config) -> None:
    """The environment of the whole run, set before anything is imported that reads it at import."""
    # Keras reads and writes ~/.keras/keras.json; a person's own file there may name another backend or precision.
    keras_home = tempfile.TemporaryDirectory(prefix="keras-home-")
    config.add_cleanup(keras_home.cleanup)
    os.environ.update(
        KERAS_HOME=keras_home.name,
        MLFLOW_DISABLE_TELEMETRY="true",
        MPLBACKEND="Agg",
        TF_CPP_MIN_LOG_LEVEL="2",
        no_proxy="127.0.0.1,localhost",
    )


@pytest.fixture(scope="session", autouse=True)
def own_leases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A study that runs on this machine leaves the tests their slots; also what fixtures of a module start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_LEASES_DIR", str(tmp_path_factory.getbasetemp() / f"leases-{os.getpid()}"))
        yield


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No setting of the person who runs the tests reaches them, except `KERAS_BACKEND`."""
    for name in list(os.environ):
        if name.startswith(("SEARCH_", "MLFLOW_", "BLOOD_CELLS_")):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "CLICOLOR_FORCE", "PYTHONPATH"):  # layout of output; imports
        monkeypatch.delenv(name, raising=False)
    leases = tmp_path_factory.getbasetemp() / f"leases-{os.getpid()}-{abs(hash(request.node.nodeid))}"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "no-stack-of-the-tests")  # one that is up is not theirs
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("SEARCH_LEASES_DIR", str(leases))  # other tests' runs beside this one are not counted
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    if "gpu" not in request.keywords:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


# ---------------------------------------------------------------------------------------------------------- Postgres


def postgres_programs() -> Path | None:
    """The folder of initdb and pg_ctl, or None. Debian keeps it off the PATH."""
    on_path = shutil.which("initdb")
    folders = list(Path("/usr/lib/postgresql").glob("*/bin"))
    folders.sort(key=lambda folder: float(folder.parent.name), reverse=True)
    if on_path:
        folders.insert(0, Path(on_path).resolve().parent)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def server_user() -> dict[str, Any]:
    """Arguments for subprocess.run: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a cluster of its own, without a database: postgresql+psycopg2://tester:PASSWORD@127.0.0.1:PORT."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no Postgres programs (initdb, pg_ctl): apt install postgresql")
    password = secrets.token_hex(8)
    identity = server_user()
    # Under /tmp by name: the folder of a test cannot be entered by the server's user, and TMPDIR may be such a folder.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        run = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, **identity}
        secret = Path(folder, "password")
        secret.write_text(password)
        if "user" in identity:
            for path in (folder, secret):
                shutil.chown(path, identity["user"])
        cluster, log = f"{folder}/cluster", f"{folder}/log"
        initdb = [programs / "initdb", "-D", cluster, "-U", "tester", "--auth=scram-sha-256", f"--pwfile={secret}"]
        subprocess.run([*initdb, "--no-sync", "--locale=C", "--encoding=UTF8"], **run)
        url = _start(programs, cluster, log, run, password)
        try:
            yield url
        finally:
            subprocess.run([programs / "pg_ctl", "-D", cluster, "-w", "-m", "immediate", "stop"], **run)


def _start(programs: Path, cluster: str, log: str, run: dict[str, Any], password: str) -> str:
    for _ in range(3):  # another process may take the free port first
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {Path(cluster).parent}"
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=16MB"
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run([programs / "pg_ctl", "-D", cluster, "-l", log, "-w", "-o", options, "start"], **run)
            return f"postgresql+psycopg2://tester:{password}@127.0.0.1:{port}"
    pytest.fail(f"Postgres did not start in 3 attempts:\n{Path(log).read_text()}")


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Makes databases: each call gives the URL of a new, empty one, which goes after the test."""
    import sqlalchemy

    server = sqlalchemy.create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def new_database() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        names.append(name)
        return f"{postgres_server}/{name}"

    yield new_database
    with server.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


# ------------------------------------------------------------------------------------------------------------ browser


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium for Playwright.

    Use: `playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])`.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    # What `playwright install chromium-headless-shell` left.
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "~/.cache/ms-playwright")).expanduser()
    for path in sorted(cache.glob("chromium*/*/*")):
        if path.name in ("chrome", "headless_shell", "chrome-headless-shell") and path.is_file():
            return str(path)
    pytest.skip("no Chromium: apt install chromium, or python -m playwright install chromium-headless-shell")


# ------------------------------------------------------------------------------------------------------------- images

TINY_CLASSES = {"EOSINOPHIL": (200, 60, 60), "LYMPHOCYTE": (60, 60, 200), "MONOCYTE": (60, 160, 60)}
TINY_PHOTOGRAPHS = {"TRAIN": 4, "TEST": 2}
TINY_COPIES = 3
TINY_SIZE = (32, 24)


def _photograph(class_name: str, pick: random.Random) -> Image.Image:
    """A cell: another shape, colour and brightness for each class, at another place in each photograph."""
    image = Image.new("RGB", TINY_SIZE, (225 + pick.randrange(20), 215 + pick.randrange(20), 220 + pick.randrange(20)))
    draw = ImageDraw.Draw(image)
    left, top = pick.randrange(4, 14), pick.randrange(2, 8)
    box = (left, top, left + 13, top + 13)
    color = tuple(channel + pick.randrange(-15, 15) for channel in TINY_CLASSES[class_name])
    match class_name:
        case "EOSINOPHIL":
            draw.rectangle(box, fill=color)
        case "LYMPHOCYTE":
            draw.ellipse(box, fill=color)
        case "MONOCYTE":
            draw.ellipse(box, outline=color, width=3)
    for _ in range(6):  # specks, so that a turned copy is never the same image
        draw.point((pick.randrange(TINY_SIZE[0]), pick.randrange(TINY_SIZE[1])), fill=(120, 90, 90))
    return image


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TRAIN and TEST of 3 classes: 4 and 2 photographs of each, 3 copies of every photograph, 32x24 pixels.

    `photographs.csv` in it tells the photographs, as "TRAIN/EOSINOPHIL/_0". Shared by all tests: copy it before
    changing anything in it. Its path holds a space and a quote.
    """
    folder = tmp_path_factory.mktemp("images") / "Ada's blood cells"
    lines = ["file,photograph"]
    pick = random.Random(0)
    turns = (None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180)
    for split, class_name in itertools.product(TINY_PHOTOGRAPHS, TINY_CLASSES):
        place = folder / split / class_name
        place.mkdir(parents=True)
        for photo in range(TINY_PHOTOGRAPHS[split]):
            image = _photograph(class_name, pick)
            for copy, turn in enumerate(turns[:TINY_COPIES]):
                turned = image if turn is None else image.transpose(turn)
                name = f"_{photo}_{1000 + 10 * photo + copy}.jpeg"
                turned.save(place / name, quality=95)
                lines.append(f"{split}/{class_name}/{name},{split}/{class_name}/_{photo}")
    (folder / "photographs.csv").write_text("\n".join(lines), "utf-8")
    return folder


# --------------------------------------------------------------------------------------------------------- small disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], SmallDisk]]:
    """Mounts disks of so many MiB on folders that are made for them."""
    mounted: list[Path] = []

    def mount(name: str, mebibytes: int) -> SmallDisk:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", str(folder)]
        if os.geteuid() != 0 or not shutil.which("mount"):
            pytest.skip("only root can mount a small disk")
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            pytest.skip(f"no small disk can be mounted: {ran.stderr.strip()}")
        mounted.append(folder)
        return SmallDisk(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class SmallDisk:
    """A file system that can be filled to its last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """So many bytes stay free."""
        with open(self._filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        if leave:
            os.truncate(self._filler, max(0, self._filler.stat().st_size - leave))

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def heard_hangups() -> Iterator[None]:
    """SIGHUP is not ignored, as it is where the tests themselves run under `nohup`; children have it so, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
