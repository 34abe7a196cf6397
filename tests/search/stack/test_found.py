"""A running stack, as a made-up engine lists it; and what a command then works with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.engine import EngineError, FoundContainer, FoundImage
from search.environment import chosen, gpus_of
from search.errors import SettingsError
from search.executors import DockerExecutor, LocalExecutor, TrainerSource
from search.stack.found import find_stack, named_after, project_name

PORTS = {"postgres": {5432: 15432}, "mlflow": {5000: 15000}, "optuna-dashboard": {8080: 18080}}


class MadeUp:
    """An engine with a stack of these services; `image` says whether the trainers' is there."""

    def __init__(self, *services: str, image: bool = True, password: bytes | None = b"s3cret\n") -> None:
        self.services, self.has_image, self.password = services, image, password
        self.asked: dict[str, str] = {}

    def containers(self, labels: dict[str, str]) -> list[FoundContainer]:
        self.asked = labels
        found = [
            FoundContainer(f"id-{name}", True, {"com.docker.compose.service": name}, PORTS[name])
            for name in self.services
        ]
        return [*found, FoundContainer("id-old", False, {"com.docker.compose.service": "mlflow"}, {})]

    def files(self, container_id: str, path: str) -> dict[str, bytes] | None:
        assert container_id == "id-optuna-dashboard"
        if path == "/secrets/pages/password":
            return {"": b"0pen\n"}
        assert path == "/secrets/optuna/password"
        return None if self.password is None else {"": self.password}

    def image(self, name: str) -> FoundImage | None:
        return FoundImage("sha", {}) if self.has_image else None

    def close(self) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a made-up engine in the place of this machine's."""

    def put(one: MadeUp | Exception) -> None:
        def make() -> MadeUp:
            if isinstance(one, Exception):
                raise one
            return one

        monkeypatch.setattr("search.engine.Engine", make)

    return put


ALL = tuple(PORTS)


def test_a_stack_that_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "cells")
    made_up = MadeUp(*ALL)
    stack = find_stack(made_up)  # type: ignore[arg-type]
    assert stack is not None
    assert made_up.asked["com.docker.compose.project"] == "cells"
    assert stack.storage_url == "postgresql+psycopg2://optuna:s3cret@127.0.0.1:15432/optuna"
    assert (stack.tracking_uri, stack.dashboard_url) == ("http://admin:0pen@127.0.0.1:15000", "http://127.0.0.1:18080")
    assert stack.trainer_image == "cells-trainer"


def test_no_stack() -> None:
    assert find_stack(MadeUp()) is None  # type: ignore[arg-type]


def test_half_a_stack() -> None:
    with pytest.raises(SettingsError) as raised:
        find_stack(MadeUp("mlflow"))  # type: ignore[arg-type]
    assert str(raised.value) == (
        "The stack no-stack-of-the-tests is up in part: postgres, optuna-dashboard not running. Start it: docker "
        "compose up -d; end it: docker compose down; or leave it alone: --no-stack"
    )


def test_a_stack_without_its_password() -> None:
    with pytest.raises(
        SettingsError, match="has no /secrets/optuna/password: make it anew, with docker compose up -d --build"
    ):
        find_stack(MadeUp(*ALL, password=None))  # type: ignore[arg-type]


def test_the_name_of_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME")
    monkeypatch.setattr("search.stack.found.FOLDER", tmp_path / "Ada's cells 2")
    assert project_name() == "adascells2"
    monkeypatch.setattr("search.stack.found.FOLDER", tmp_path)
    (tmp_path / ".env").write_text("# a comment\nMLFLOW_PORT=1\nCOMPOSE_PROJECT_NAME = 'mine'\n")
    assert project_name() == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "MLFLOW_PORT=5050".encode("utf-16"),
            "found the byte 0xff, which is no UTF-8 (PowerShell's > writes UTF-16); ",
        ),
        (b"#" * 1_000_001, "found more than 1,000,000 bytes; allowed: lines of NAME=VALUE. "),
    ],
)
def test_an_env_file_that_cannot_be_read(
    content: bytes, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: Any
) -> None:
    """It is refused in words, and not even looked at by who leaves the stack alone."""
    monkeypatch.delenv("COMPOSE_PROJECT_NAME")
    monkeypatch.setattr("search.stack.found.FOLDER", tmp_path)
    (tmp_path / ".env").write_bytes(content)
    engine(MadeUp())
    with pytest.raises(SettingsError) as raised:
        chosen(None, None, None)
    assert str(raised.value).startswith(f"{tmp_path / '.env'}: {words}")
    assert str(raised.value).endswith("Mend it, or leave the stack alone: --no-stack")
    assert chosen(None, None, None, stack=False).executor == "local"
    assert chosen(None, None, None, "local", stack=False).executor == "local"


def test_an_env_folder_is_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME")
    monkeypatch.setattr("search.stack.found.FOLDER", tmp_path)
    (tmp_path / ".env").mkdir()
    assert project_name() == named_after(tmp_path.name)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("blood-cell-search", "blood-cell-search"), ("Été 2 Zellen", "t2zellen"), ("_-x_Y-", "x_y-"), ("v1.2", "v12")],
)
def test_the_name_after_a_folder(folder: str, name: str) -> None:
    assert named_after(folder) == name


def test_what_is_chosen(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(MadeUp(*ALL))
    environment = chosen(None, None, None)
    assert (environment.executor, environment.why) == ("docker", "the stack no-stack-of-the-tests is up")
    assert environment.places.tracking_uri == "http://admin:0pen@127.0.0.1:15000"
    assert environment.places.dashboard_url == "http://127.0.0.1:18080"
    assert chosen(None, None, None, "local").executor == "local"
    assert chosen(None, None, None, "local").places == environment.places

    aside = chosen(None, None, None, stack=False)
    assert (aside.executor, aside.why) == ("local", "--no-stack")
    assert aside.places.storage_url.startswith("sqlite:")

    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert chosen(None, None, None).why == "KERAS_BACKEND is jax, the stack's trainers have TensorFlow"
    monkeypatch.delenv("KERAS_BACKEND")

    engine(MadeUp(*ALL, image=False))
    image = "no-stack-of-the-tests-trainer"
    assert chosen(None, None, None).why == f"the stack is up, its image {image} is not there"
    engine(MadeUp())
    assert chosen(None, None, None).why == "the stack of docker-compose.yml is not up"
    assert chosen(None, None, None, "docker").executor == "docker"


def test_what_a_flag_or_a_variable_names_goes_first(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(MadeUp(*ALL))
    places = chosen(None, "sqlite:///mine.db", None).places
    assert (places.storage_url, places.tracking_uri) == ("sqlite:///mine.db", "http://admin:0pen@127.0.0.1:15000")
    assert places.dashboard_url is None, "the stack's shows another storage"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    places = chosen(None, None, None).places
    assert places.tracking_uri == "http://elsewhere:5000"
    assert places.storage_url.startswith("postgresql+psycopg2://optuna:")


def test_without_an_engine(engine: Any) -> None:
    engine(
        EngineError("The Docker engine is not running: /x: No such file.", "Start it:\n  sudo systemctl start docker")
    )
    environment = chosen(None, None, None)
    assert (environment.executor, environment.why) == (
        "local",
        "no containers: The Docker engine is not running: /x: No such file.",
    )
    with pytest.raises(EngineError, match="sudo systemctl start docker"):
        chosen(None, None, None, "docker")


def test_the_executor_that_is_made(engine: Any, tmp_path: Path) -> None:
    from search.executors import Resources

    engine(MadeUp(*ALL))
    source = TrainerSource(tmp_path, tmp_path, tmp_path)
    made = chosen(None, None, None).make(Resources(gpus=(0,)), "pooling")(source, tmp_path)
    assert isinstance(made, DockerExecutor)
    made = chosen(None, None, None, "local").make(Resources(gpus=(0, 1), slots_per_gpu=2))(source, tmp_path)
    assert isinstance(made, LocalExecutor)
    assert made.default_slots() == 4


@pytest.mark.parametrize(
    ("text", "gpus"), [(None, None), ("all", None), ("none", ()), ("0", (0,)), ("0,2", (0, 2)), ("1, 0", (1, 0))]
)
def test_gpus(text: str | None, gpus: tuple[int, ...] | None) -> None:
    assert gpus_of(text) == gpus


@pytest.mark.parametrize("text", ["", "0,", "two", "-1", "0,0", "²"])
def test_gpus_that_cannot_be(text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        gpus_of(text)
    assert str(raised.value) == f"--gpus {text}: allowed are all, none, or indexes as 0,2"
