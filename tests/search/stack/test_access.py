"""Who may use the pages: names, origins, the login; and MLflow's own app with accounts behind them."""

from __future__ import annotations

import base64
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from search.errors import SettingsError
from search.stack import access, tracking

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("login", "hosts", "wanted"),
    [
        ("", "", False),
        ("", "127.0.0.1:6050, localhost:9050,[::1]:6050", False),
        ("", "127.0.0.1:6050,cells.example.org", True),
        ("", "127.0.0.1.example.org:80", True),
        ("on", "", True),
        (" On ", "", True),
        ("off", "cells.example.org", False),
    ],
)
def test_when_a_login_is_wanted(login: str, hosts: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN", login)
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)
    assert access.login_is_wanted() is wanted


def test_accounts_of_others_are_those_of_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def account(name: str, number: int, shell: str = "/bin/bash") -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", number, number, "", f"/home/{name}", shell))

    accounts = [account("root", 0), account("www", 33), account("me", 1000), account("eve", 1002), account("bob", 1001)]
    accounts += [
        account("svc", 1700, "/usr/sbin/nologin"),
        account("nobody", 65534),
        account("old", 1003, "/bin/false"),
    ]
    monkeypatch.setattr(pwd, "getpwall", lambda: accounts)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(access, "HOMES", tmp_path / "home")
    assert access.others_here() == ["bob", "eve"]
    (tmp_path / "home" / "zoe").mkdir(parents=True)  # of an account that a directory knows, and does not list
    if os.geteuid() == 0:
        os.chown(tmp_path / "home" / "zoe", 70001, -1)
        assert access.others_here() == ["bob", "eve", "zoe"]
        monkeypatch.setattr(access, "HOMES", tmp_path / "none")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "1001")
    assert access.others_here() == ["eve", "me"]


def test_a_login_that_is_no_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN", "true")
    with pytest.raises(SettingsError, match=r"^LOGIN=true: allowed are on and off, or nothing$"):
        access.login_is_wanted()


def test_a_password_opens_and_nothing_else_does() -> None:
    right = access.authorization("s3cret")
    assert right == "Basic " + base64.b64encode(b"admin:s3cret").decode()
    assert access.is_authorized(right, "s3cret")
    assert access.is_authorized(right.replace("Basic", "basic"), "s3cret"), "RFC 7617: the scheme has no case"
    for wrong in ("", "Basic", "Basic !", "Bearer s3cret", access.authorization("s3cre"), right + "AA"):
        assert not access.is_authorized(wrong, "s3cret")
    assert not access.is_authorized(access.authorization(""), ""), "an empty password is nobody's"


def test_settings_of_mlflows_app_are_its_users_alone(tmp_path: Path) -> None:
    file = tracking.write_config(tmp_path, "postgresql://ada@h/d%20b?passfile=/x", "s3cret")
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    text = file.read_text()
    assert "authorization_function = search.stack.tracking:authorize\n" in text
    assert "database_uri = postgresql://ada@h/d%%20b?passfile=/x\n" in text


def test_pages_of_further_names_may_change_what_is_there() -> None:
    assert tracking.origins_of("b:2, a:1") == "http://a:1,https://a:1,http://b:2,https://b:2"
    assert tracking.origins_of("") == ""


PROGRAM = """
import json, os, sys
from pathlib import Path
from search.stack import access, tracking
folder = Path(sys.argv[1])
access.PASSWORD = tracking.PASSWORD = folder / "password"
access.PASSWORD.write_text("s3cret-of-the-file")
database = f"sqlite:///{folder}/mlflow.db"
os.environ |= {
    "MLFLOW_AUTH_CONFIG_PATH": str(tracking.write_config(folder, database, "what the database has")),
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "x", "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,a:1",
    tracking.ORIGINS: tracking.origins_of("a:1"),
    "_MLFLOW_SERVER_FILE_STORE": database, "_MLFLOW_SERVER_ARTIFACT_ROOT": str(folder / "artifacts"),
}
from search.stores.mlflow.schema import upgrade_database
print(upgrade_database(database))
from mlflow.server import app
from mlflow.server.auth import create_app, store
create_app(app)
store.create_user("bob", "bobs own password")
browser = app.test_client()

def status(path, login=None, password="s3cret-of-the-file", method="GET", **headers):
    if login:
        import base64
        headers["Authorization"] = "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"json": {"name": f"e{os.urandom(4).hex()}"}} if method == "POST" else {}
    return browser.open(path, method=method, headers=headers, **body).status_code

search, create = "/api/2.0/mlflow/experiments/search?max_results=1", "/api/2.0/mlflow/experiments/create"
found = {}
for login in ("on", "off"):
    os.environ["LOGIN"] = login
    found[login] = {
        "nobody": status(search), "page": status("/"), "health": status("/health"),
        "admin": status(search, "admin"), "creates": status(create, "admin", method="POST"),
        "wrong": status(search, "admin", "x"), "database": status(search, "admin", "what the database has"),
        "bob": status(search, "bob", "bobs own password"), "not bob": status(search, "bob", "x"),
        "own page": status(create, "admin", method="POST", Origin="https://a:1"),
        "other port": status(create, "admin", method="POST", Origin="http://localhost:9999"),
        "read there": status(search, "admin", Origin="http://127.0.0.1:9999"),
        "assistant": status("/ajax-api/3.0/mlflow/assistant/message", "admin", method="POST"),
        "makes an account": status("/api/2.0/mlflow/users/create", method="POST"), "signs up": status("/signup"),
        "grants": status("/ajax-api/3.0/mlflow/roles/create", method="POST"),
        "who am I": status("/ajax-api/2.0/mlflow/users/current"),
    }
os.environ["LOGIN"] = "off"
found["page"] = tracking.HIDDEN.encode() + b"</head>" in browser.get("/").data
print(json.dumps(found))
import sqlalchemy
print(json.dumps(sorted(sqlalchemy.inspect(sqlalchemy.create_engine(database)).get_table_names())))
print(upgrade_database(database))
"""


def test_mlflow_asks_for_the_login_and_refuses_other_pages(tmp_path: Path) -> None:
    """In a process of its own: MLflow's app reads its settings when it is imported."""
    pytest.importorskip("flask_wtf", reason="MLflow's accounts need it: pip install 'mlflow[auth]'")
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    made, found, tables, again = run.stdout.splitlines()[-4:]
    assert json.loads(found) == {
        "on": {
            "nobody": 401, "page": 401, "health": 200, "admin": 200, "creates": 200, "wrong": 401, "database": 401,
            "bob": 200, "not bob": 401, "own page": 200, "other port": 403, "read there": 403, "assistant": 403,
            "makes an account": 401, "signs up": 401, "grants": 401, "who am I": 401,
        },
        "off": {
            "nobody": 200, "page": 200, "health": 200, "admin": 200, "creates": 200, "wrong": 200, "database": 200,
            "bob": 200, "not bob": 200, "own page": 200, "other port": 403, "read there": 403, "assistant": 403,
            "makes an account": 403, "signs up": 200, "grants": 403, "who am I": 200,
        },
        "page": True,
    }  # fmt: skip
    assert {"users", "alembic_version", "alembic_version_auth", "experiments"} <= set(json.loads(tables))
    assert (made, again) == ("made", "up to date"), "MLflow's other tables are upgraded beside these"
