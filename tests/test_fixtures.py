"""The shared fixtures do what their docstrings say."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from PIL import Image


def test_each_new_database_is_empty_and_apart(postgres: Callable[[], str]) -> None:
    first, second = (sqlalchemy.create_engine(postgres()) for _ in range(2))
    assert first.dialect.driver == "psycopg2"
    with first.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE cell (name text)")
        connection.exec_driver_sql("INSERT INTO cell VALUES ('monocyte')")
    with first.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM cell").scalar_one() == "monocyte"
    assert sqlalchemy.inspect(first).get_table_names() == ["cell"]
    assert sqlalchemy.inspect(second).get_table_names() == []
    first.dispose()
    second.dispose()


def test_the_server_wants_its_password(postgres: Callable[[], str]) -> None:
    url = sqlalchemy.make_url(postgres())
    engine = sqlalchemy.create_engine(url.set(password="not it"))
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"):
        engine.connect()


def test_chromium_shows_a_page(chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_content("<h1>five questions</h1>")
        assert page.inner_text("h1") == "five questions"
        browser.close()


def test_tiny_images_are_as_described(tiny_images: Path) -> None:
    files = sorted(tiny_images.rglob("*.jpeg"))
    assert len(files) == 3 * (4 + 2) * 3
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == len(files)
    for file in files:
        with Image.open(file) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (32, 24))
    assert " " in str(tiny_images)
    assert "'" in str(tiny_images)


def test_settings_of_the_person_do_not_reach_a_test() -> None:
    kept = {name for name in os.environ if name.startswith(("SEARCH_", "MLFLOW_", "BLOOD_CELLS_"))}
    assert kept == {"MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "SEARCH_LEASES_DIR"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
