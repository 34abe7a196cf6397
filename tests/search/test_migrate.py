"""Tables made, left alone, upgraded, refused: on SQLite, and on Postgres where it is on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy

from search.migrate import main
from search.stores.optuna import open_storage

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def migrate(optuna_url: str, mlflow_url: str) -> int:
    return main(["--storage-url", optuna_url, "--tracking-uri", mlflow_url])


def version(url: str) -> str:
    engine = sqlalchemy.create_engine(url)
    with contextlib.closing(engine.raw_connection()) as raw:
        cursor = raw.cursor()
        cursor.execute("SELECT version_num FROM alembic_version")
        ((found,),) = cursor.fetchall()
    engine.dispose()
    return str(found)


def set_version(url: str, value: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = :value"), {"value": value})
    engine.dispose()


def older_optuna(url: str) -> str:
    """As before the last migration, which adds an index (its own way back names one that is not there)."""
    set_version(url, "v3.0.0.d")
    return version(url)


def older_mlflow(url: str) -> str:
    from mlflow.store.db import utils as mlflow_tools

    engine = sqlalchemy.create_engine(url)
    config = mlflow_tools._get_alembic_config(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.downgrade(config, "-1")
    engine.dispose()
    return version(url)


@pytest.fixture(params=["sqlite", "postgres"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Two empty databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/optuna.db", f"sqlite:///{tmp_path}/mlflow.db"
    new: Callable[[], str] = request.getfixturevalue("postgres")
    return new(), new()


def test_made_then_left_alone(urls: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert migrate(*urls) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Optuna: ") and first.endswith(" made")
    assert second.startswith("MLflow: ") and second.endswith(" made")
    assert "tester:***@" in first or first.startswith("Optuna: sqlite:"), "no password is printed"
    versions = [version(url) for url in urls]
    assert migrate(*urls) == 0
    assert [line.split()[-3:] for line in capsys.readouterr().out.splitlines()] == [["up", "to", "date"]] * 2
    assert [version(url) for url in urls] == versions
    # what was made is what the packages want
    from search.stores.mlflow.schema import prepare_database

    open_storage(urls[0])._backend.engine.dispose()  # type: ignore[attr-defined]
    prepare_database(urls[1], tmp_path / "artifacts")


def test_no_experiment_is_made(urls: tuple[str, str]) -> None:
    """The server makes its own first one, whose artifacts go where the server has them."""
    assert migrate(*urls) == 0
    engine = sqlalchemy.create_engine(urls[1])
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM experiments")).scalar() == 0
    engine.dispose()


def test_tables_of_an_older_version_are_upgraded(urls: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    migrate(*urls)
    newest = [version(url) for url in urls]
    older = [older_optuna(urls[0]), older_mlflow(urls[1])]
    assert all(old != new for old, new in zip(older, newest, strict=True))
    capsys.readouterr()
    assert migrate(*urls) == 0
    said = capsys.readouterr().out.splitlines()
    for line, old, new in zip(said, older, newest, strict=True):
        assert line.endswith(f" upgraded from {old} to {new}")
    assert [version(url) for url in urls] == newest


def test_tables_of_a_newer_version_are_refused(urls: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    migrate(*urls)
    newest = version(urls[1])
    set_version(urls[1], "f" * 12)
    assert migrate(*urls) == 2
    assert f"was made by a newer MLflow (schema {'f' * 12}; this one knows {newest}): install that one" in (
        capsys.readouterr().err
    )
    newest = version(urls[0])
    set_version(urls[0], "v9.0.0.a")
    assert migrate(*urls) == 2
    assert f"was made by a newer Optuna (schema v9.0.0.a; this one knows {newest}): install that one" in (
        capsys.readouterr().err
    )


def test_what_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = f"sqlite:///{tmp_path}/good.db", "postgresql+psycopg2://ada:secret@127.0.0.1:9/none"
    assert migrate(bad, good) == 2
    assert migrate(good, bad) == 2
    first, second = [line for line in capsys.readouterr().err.splitlines() if " cannot be used: " in line]
    assert first.startswith("Optuna's storage postgresql+psycopg2://ada:***@127.0.0.1:9/none cannot be used: ")
    assert second.startswith("MLflow's database postgresql+psycopg2://ada:***@127.0.0.1:9/none cannot be used: ")
    assert migrate(good, "http://127.0.0.1:9") == 2
    assert capsys.readouterr().err == (
        "http://127.0.0.1:9 is a server: MLflow's tables are made through its database\n"
    )


def test_an_empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a flag: in the folder of runs, which is made."""
    monkeypatch.setenv("SEARCH_RUNS_DIR", str(tmp_path / "Ada's runs"))
    assert main([]) == 0
    assert {path.suffix for path in (tmp_path / "Ada's runs").iterdir()} >= {".db"}
