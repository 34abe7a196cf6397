"""MLflow's server as the stack and `search.ui` run it: with a login where one is wanted, open to no pages but its own.

    MLFLOW_BACKEND_STORE_URI=... SEARCH_MLFLOW_UI=... python -m search.stack.tracking OPTIONS_OF_MLFLOW_SERVER...

It is MLflow's own app with accounts, `basic-auth`. Its tables stand in MLflow's database beside the others, and have a
table of versions of their own, `alembic_version_auth`; or in the database that PAGES_ACCOUNTS_DATABASE names. Further
accounts, which `admin` makes at /signup, may read all and change what is theirs.

`authorize`, which MLflow's app calls for each request, does what has no option there. It refuses other pages: MLflow
takes what those of any port of this machine send it (`mlflow.server.security_utils.is_localhost_origin`). It refuses
MLflow's assistant, which has no switch in 3.17 (MLFLOW_ENABLE_REMOTE_ASSISTANT is about other machines): for whoever
reaches 127.0.0.1 it runs a coding agent as this user, with the user's files (`mlflow/server/assistant/api.py`). And the
password of `admin` is that of the file alone, as on the dashboard, whatever a database has that was restored.
"""

from __future__ import annotations

import configparser
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search.addresses.urls import MLFLOW_UI
from search.stack.access import FURTHER_HOSTS, PASSWORD, USER, is_authorized, login_is_wanted, names_in, refused_origin
from search.stack.healthy import problem

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.datastructures import Authorization

# Variables that MLflow reads (mlflow/environment_variables.py).
DATABASE, HOSTS, CONFIG = "MLFLOW_BACKEND_STORE_URI", "MLFLOW_SERVER_ALLOWED_HOSTS", "MLFLOW_AUTH_CONFIG_PATH"
ORIGINS = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
ACCOUNTS_DATABASE = "PAGES_ACCOUNTS_DATABASE"  # of this module, where accounts stand apart
KEPT_S = 300  # an account's password that was right is not hashed again for so long: scrypt takes a tenth of a second
# Where accounts are made and given rights (mlflow/server/auth/routes.py).
ACCOUNTS = re.compile(r"/(signup|users|roles|permissions)(/|$)")
NO_ACCOUNTS = "Accounts are made where the pages ask for a login: else anybody's would be left when they do (LOGIN=on)."
ASSISTANT = re.compile(r"/ajax-api/3\.0/mlflow/assistant(/|$)")
NO_ASSISTANT = "MLflow's assistant is off here: it would run programs on this machine."
HIDDEN = "<style>[data-assistant-ui] { display: none !important }</style>"  # as its parts are marked in 3.17
HEALTH = "http://127.0.0.1:5000/health"
AGAIN_S = 0.5


def main(options: Sequence[str]) -> int:
    """Runs the server; says its address once it answers. Returns its exit status."""
    login_is_wanted()  # a wrong LOGIN ends here
    accounts = os.environ.get(ACCOUNTS_DATABASE) or os.environ[DATABASE]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            CONFIG: str(write_config(Path(folder), accounts, PASSWORD.read_text())),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(),  # of the form at /signup, for as long as it runs
            "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
            ORIGINS: origins_of(os.environ.get(FURTHER_HOSTS, "")),
        }
        command = [sys.executable, "-m", "mlflow", "server", "--app-name=basic-auth", *options]
        server = subprocess.Popen(command, env=environment)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.terminate())
        if os.environ.get(MLFLOW_UI):
            threading.Thread(target=_say_address, daemon=True).start()
        return server.wait()


def origins_of(further_hosts: str) -> str:
    """The pages that MLflow's own check lets through beside this machine's: those of its server's further names."""
    return ",".join(f"{scheme}://{name}" for name in sorted(names_in(further_hosts)) for scheme in ("http", "https"))


def write_config(folder: Path, database: str, password: str) -> Path:
    """The settings of MLflow's app with accounts (mlflow/server/auth/basic_auth.ini), for this process's user alone."""
    config = configparser.RawConfigParser()
    config["mlflow"] = {
        "default_permission": "READ",
        "database_uri": database.replace("%", "%%"),  # MLflow's parser interpolates
        "admin_username": USER,
        "admin_password": password,
        "authorization_function": f"{__spec__.name}:{authorize.__name__}",
        "auth_cache_ttl_seconds": str(KEPT_S),
    }
    file = folder / "basic_auth.ini"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        config.write(opened)
    return file


def authorize() -> Authorization | Response:
    """Who asks, or why it is refused: MLflow's `authorization_function`, called within a request of Flask's."""
    from flask import Response, request
    from mlflow.server.auth import authenticate_request_basic_auth, make_basic_auth_response
    from werkzeug.datastructures import Authorization

    if refused := refused_origin(request.headers.get("Origin"), names_in(os.environ[HOSTS])):
        return Response(f"{refused}\n", 403, mimetype="text/plain")
    if ASSISTANT.match(request.path):
        return Response(f"{NO_ASSISTANT}\n", 403, mimetype="text/plain")
    is_admin = is_authorized(request.headers.get("Authorization", ""), PASSWORD.read_text())
    changes = request.method not in ("GET", "HEAD", "OPTIONS")
    if changes and not is_admin and not login_is_wanted() and ACCOUNTS.search(request.path):
        return Response(f"{NO_ACCOUNTS}\n", 403, mimetype="text/plain")
    who: Authorization | Response = Authorization("basic", {"username": USER, "password": ""})
    if not is_admin and login_is_wanted():
        given = request.authorization
        own = given and given.username == USER
        who = make_basic_auth_response() if own else authenticate_request_basic_auth()
    if isinstance(who, Authorization) and request.method == "GET" and request.path == "/":
        return _page() or who
    return who


def _page() -> Response | None:
    """MLflow's page without its assistant, which opens beside the table at the first visit from this machine, over a
    third of it; None where MLflow has no page.
    """
    from flask import Response
    from mlflow.server import app

    try:
        page = Path(app.static_folder or "", "index.html").read_text(encoding="utf-8")
    except OSError:
        return None
    return Response(page.replace("</head>", f"{HIDDEN}</head>", 1), mimetype="text/html")


def _say_address() -> None:
    while problem(HEALTH):
        time.sleep(AGAIN_S)
    print(f"MLflow:            {os.environ[MLFLOW_UI]}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
