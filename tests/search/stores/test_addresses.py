"""Addresses of stores that can never work, and paths with any letters in addresses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy

from search import migrate
from search.addresses.urls import sqlite_url
from search.environment import chosen
from search.errors import SettingsError
from search.settings import Places

FILE = "sqlite:///FILE, or sqlite:////FOLDER/FILE from the root (with %3F for a question mark in a name)"


@pytest.mark.parametrize(
    "url", ["sqlite://mlflow.db", "sqlite:///:memory:", "sqlite://", "sqlite:///", "sqlite:///what?.db=1"]
)
@pytest.mark.parametrize("flag", [True, False])
def test_a_database_that_is_no_file(url: str, flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, name, place in (
        ("SEARCH_STORAGE_URL", "--storage-url", 1),
        ("MLFLOW_TRACKING_URI", "--tracking-uri", 2),
    ):
        given: list[str | None] = [None, None, None]
        with monkeypatch.context() as patch:
            if flag:
                given[place] = url
            else:
                patch.setenv(variable, url)
            with pytest.raises(SettingsError) as raised:
                chosen(*given, stack=False)
        assert str(raised.value) == f"{name if flag else f'${variable}'} {url}: found no file; allowed: {FILE}"


@pytest.mark.parametrize(
    ("storage", "tracking", "same"),
    [
        ("sqlite:////tmp/one.db", "sqlite:////tmp/one.db", True),
        ("sqlite:///one.db", f"sqlite:///{Path.cwd()}/one.db", True),
        ("postgres://ada:x@h/one", "postgresql+psycopg2://bob:y@h/one", True),
        ("postgres://ada:x@h/one", "postgresql+psycopg2://ada:x@h/two", False),
        ("sqlite:////tmp/one.db", "sqlite:////tmp/two.db", False),
        ("sqlite:////tmp/one.db", "http://h:5000", False),
    ],
)
def test_one_database_for_both(storage: str, tracking: str, same: bool) -> None:
    if not same:
        assert chosen(None, storage, tracking, stack=False).places.tracking_uri == tracking
        return
    with pytest.raises(SettingsError) as raised:
        chosen(None, storage, tracking, stack=False)
    assert str(raised.value).startswith("--storage-url and --tracking-uri are one database, ")
    assert str(raised.value).endswith("`alembic_version` of its own, so Optuna and MLflow need a database each")
    assert "x@" not in str(raised.value)
    assert "y@" not in str(raised.value)


def test_migrate_refuses_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    one = "sqlite:////tmp/never/made.db"
    assert migrate.main(["--storage-url", one, "--tracking-uri", one]) == 2
    assert "are one database, sqlite:////tmp/never/made.db" in capsys.readouterr().err
    assert not Path("/tmp/never").exists()


def test_a_server_without_a_host() -> None:
    with pytest.raises(SettingsError, match=r"--tracking-uri http://: found no host; allowed: http://HOST:PORT"):
        chosen(None, None, "http://", stack=False)


@pytest.mark.parametrize("name", ["Ada's runs", "50% done?", "#1", "a&b=c;d", "caf\udce9", "100%25"])
def test_a_folder_of_any_name_is_the_one_that_is_opened(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    places = Places.of(str(folder))
    for url, file in ((places.storage_url, "optuna.db"), (places.tracking_uri, "mlflow.db")):
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
        engine.dispose()
        assert (folder / file).exists()
    assert sorted(path.name for path in folder.iterdir()) == ["mlflow.db", "optuna.db"]
    assert sqlite_url(Path("/x/plain name.db")) == "sqlite:////x/plain name.db"


def test_mlflow_keeps_no_files_under_a_name_that_is_not_utf8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would open no database there, and put artifacts elsewhere; a server of its own may be told from there."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    words = (
        f"{tmp_path}/caf\\xe9: the name of the folder of runs is not UTF-8, so that MLflow can keep no files in it; "
        "allowed: another folder (--runs or $SEARCH_RUNS_DIR), or an MLflow server (--tracking-uri http://...)"
    )
    for tracking in (None, f"sqlite:///{tmp_path}/mlflow.db", "postgresql://ada@127.0.0.1:9/mlflow"):
        with pytest.raises(SettingsError) as raised:
            chosen(str(folder), None, tracking, stack=False)
        assert str(raised.value) == words
    with pytest.raises(SettingsError) as raised:
        chosen(str(tmp_path), None, f"sqlite:///{folder}/mlflow.db", stack=False)
    named = f"sqlite:///{tmp_path}/caf%5Cudce9/mlflow.db"  # as addresses write a backslash
    assert str(raised.value) == f"--tracking-uri {named}: the file's name is not UTF-8"
    assert migrate.main(["--runs", str(folder)]) == 2
    assert capsys.readouterr().err == f"{words}\n"
    assert chosen(str(folder), None, "http://127.0.0.1:9", stack=False).places.runs == folder
    assert list(tmp_path.iterdir()) == []
