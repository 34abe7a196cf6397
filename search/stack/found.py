"""The running stack, seen from this machine: where its services listen, and the passwords of Optuna and MLflow.

Passwords are read from the running container, through the Docker engine: whoever may use the engine may read them, and
nobody else. They are kept in this process alone.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from search.addresses.urls import with_password
from search.engine import Engine, FoundContainer
from search.errors import SettingsError
from search.stack import access

FOLDER = Path(__file__).resolve().parents[2]  # of docker-compose.yml
PROJECT_VARIABLE = "COMPOSE_PROJECT_NAME"  # Compose's own, which may also stand in .env
SERVICES = {"postgres": 5432, "mlflow": 5000, "optuna-dashboard": 8080}  # with their ports in the containers
MOST_BYTES = 1_000_000  # of .env; .env.example has under 2 kB
PASSWORD = "/secrets/optuna/password"
_LABEL = "com.docker.compose"


@dataclass(frozen=True)
class Stack:
    """A stack that is up.

    Attributes:
        project: Compose's name for it.
        storage_url: Optuna's database, with its password.
        tracking_uri: MLflow, with the login of its page.
        dashboard_url: the Optuna dashboard.
    """

    project: str
    storage_url: str
    tracking_uri: str
    dashboard_url: str

    @property
    def trainer_image(self) -> str:
        """The image that `docker compose build trainer` makes."""
        return trainer_image(self.project)


def trainer_image(project: str) -> str:
    """The trainers' image, as docker-compose.yml names it."""
    return f"{project}-trainer"


def project_name() -> str:
    """Of the stack: $COMPOSE_PROJECT_NAME, else what .env says, else Compose's own name for the folder."""
    if os.environ.get(PROJECT_VARIABLE):
        return os.environ[PROJECT_VARIABLE]
    found = ""
    for line in _dotenv(FOLDER / ".env").splitlines():  # the last one counts, as for Compose
        key, _, value = line.partition("=")
        if key.strip().removeprefix("export ").strip() == PROJECT_VARIABLE:
            found = value.partition(" #")[0].strip().strip("\"'")
    return found or named_after(FOLDER.name)


def named_after(folder: str) -> str:
    """As Compose names a project after its folder: small letters, digits, - and _, the first one none of the last two.

    https://docs.docker.com/compose/how-tos/project-name/ and `NormalizeProjectName` in compose-go.
    """
    return re.sub(r"[^a-z0-9_-]", "", folder.lower()).lstrip("_-")


def _dotenv(file: Path) -> str:
    """The text of a file that Compose would read too; empty where there is none.

    Raises:
        SettingsError: it cannot be read.
    """
    mend = "Mend it, or leave the stack alone: --no-stack"
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise SettingsError(f"{file}: found more than {MOST_BYTES:,} bytes; allowed: lines of NAME=VALUE. {mend}")
        return content.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}. {mend}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}: found the byte 0x{content[error.start]:02x}, which is no UTF-8 (PowerShell's > writes UTF-16); "
            f"allowed: UTF-8 text. {mend}"
        ) from None


def find_stack(engine: Engine) -> Stack | None:
    """The stack; None where none of it runs.

    Raises:
        SettingsError: some of it runs, and some does not.
        EngineError: the engine does not answer.
    """
    project = project_name()
    listed = engine.containers({f"{_LABEL}.project": project, f"{_LABEL}.oneoff": "False"})
    running = {one.labels.get(f"{_LABEL}.service"): one for one in listed if one.running}
    found = {name: running[name] for name in SERVICES if name in running}
    if not found:
        return None
    missing = [name for name in SERVICES if name not in found]
    if missing:
        raise SettingsError(
            f"The stack {project} is up in part: {', '.join(missing)} not running. Start it: docker compose up -d; end "
            "it: docker compose down; or leave it alone: --no-stack"
        )
    keeper = found["optuna-dashboard"].container_id
    optuna, pages = (_password(engine, keeper, project, place) for place in (PASSWORD, str(access.PASSWORD)))
    return Stack(
        project=project,
        storage_url=f"postgresql+psycopg2://optuna:{optuna}@127.0.0.1:{_port(project, found, 'postgres')}/optuna",
        tracking_uri=with_password(f"http://{access.USER}@127.0.0.1:{_port(project, found, 'mlflow')}", pages),
        dashboard_url=f"http://127.0.0.1:{_port(project, found, 'optuna-dashboard')}",
    )


def _password(engine: Engine, container_id: str, project: str, place: str) -> str:
    found = (engine.files(container_id, place) or {}).get("")
    if found is None:
        raise SettingsError(f"The stack {project} has no {place}: make it anew, with docker compose up -d --build")
    return found.decode().strip()


def _port(project: str, found: dict[str, FoundContainer], name: str) -> int:
    port = found[name].ports.get(SERVICES[name])
    if port is None:
        raise SettingsError(f"The stack {project} publishes no port of {name}: start it with this docker-compose.yml")
    return port
