"""Stores that can be stopped, and installations that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from search.stores.mlflow import Tracker

pytest.register_assert_rewrite("tests.faults.books")

from tests.faults import servers  # noqa: E402
from tests.faults.installation import Installation, embedded, make_templates  # noqa: E402

# MLflow's own models, when they are imported; MLflow 3.17 uses what SQLAlchemy 2.1 will drop.
WARNINGS = (
    "ignore:The ``noload`` loader strategy is deprecated",
    "ignore::sqlalchemy.exc.SADeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allows what other packages warn of."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            for warning in WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow is told of trials without pictures, which cost 0.3 s of processor time each, and no answer is drawn."""
    monkeypatch.setattr("search.pages.publish.draw", lambda *_: {})
    monkeypatch.setattr("search.stores.stores.Tracker", partial(Tracker, with_pictures=False))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty stores, to be copied."""
    return make_templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def here(tmp_path: Path, tiny_images: Path, templates: Path) -> Installation:
    """Embedded stores."""
    return embedded(tmp_path / "Ada's runs", tiny_images, templates)


@pytest.fixture
def cluster() -> Iterator[servers.Cluster]:
    """A Postgres of its own, that tests may stop; few connections."""
    with servers.cluster("-c max_connections=40") as started:
        yield started


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[servers.MlflowServer]:
    """A real MLflow server on SQLite, that tests may stop."""
    server = servers.MlflowServer(tmp_path / "mlflow server")
    yield server
    server.stop()


Make = Callable[..., Installation]
