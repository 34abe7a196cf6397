"""What the engine is asked, as the SDK would send it; and the words for its refusals."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from search.engine import STDOUT, Attached, Engine, EngineError, Request, engine_address, explained


@pytest.fixture
def api() -> Iterator[docker.APIClient]:
    """Connects to nothing: the version is given."""
    client = docker.APIClient(base_url="unix:///no/such/socket", version="1.41")
    yield client
    client.close()


def test_a_container_gets_nothing_that_it_does_not_need(api: docker.APIClient) -> None:
    data, out = Path("/data of 'hers'"), Path('/out"put')
    request = Request(
        "trainer", name="n", labels={"a": "b"}, user="1000:1000", readable=[data], writable=[out], memory_mib=512
    )
    parameters = request.parameters(api)
    host = parameters["host_config"]
    assert {key: host[key] for key in ("NetworkMode", "CapDrop", "SecurityOpt", "ReadonlyRootfs", "Init")} == {
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
        "Init": True,
    }
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (512 * 2**20, 512 * 2**20, 4096)
    assert host["AutoRemove"] is True
    assert [(m["Source"], m["Target"], m["Type"], m["ReadOnly"]) for m in host["Mounts"]] == [
        (str(data), str(data), "bind", True),
        (str(out), str(out), "bind", False),
    ]
    assert "DeviceRequests" not in host
    assert host["LogConfig"]["Type"] == "none"
    assert (parameters["user"], parameters["use_config_proxy"]) == ("1000:1000", False)


def test_the_pipes_end_is_the_containers_end(api: docker.APIClient) -> None:
    """StdinOnce: the engine closes stdin when the one attached is gone, as after SIGKILL."""
    parameters = Request("trainer").parameters(api)
    del parameters["name"], parameters["use_config_proxy"]
    config = docker.types.ContainerConfig("1.41", **{**parameters, "command": ["x"]})
    assert (config["OpenStdin"], config["StdinOnce"], config["Tty"]) == (True, True, False)


def test_gpus_are_asked_for_by_index(api: docker.APIClient) -> None:
    host = Request("trainer", gpus=[0, 2]).parameters(api)["host_config"]
    assert host["DeviceRequests"] == [
        {
            "Driver": "",
            "Count": 0,
            "DeviceIDs": ["0", "2"],
            "Capabilities": [["gpu", "compute", "utility"]],
            "Options": {},
        }
    ]


@pytest.mark.parametrize(
    "said",
    [
        'could not select device driver "" with capabilities: [[gpu compute utility]]',
        "failed to create task for container: ... nvidia-container-cli: initialization error: load library failed: "
        "libnvidia-ml.so.1: cannot open shared object file: no such file or directory: unknown",
        "nvidia-container-cli: device error: 7: unknown device: unknown",
        "failed to discover GPU vendor from CDI: no known GPU vendor found",
    ],
)
def test_an_engine_without_gpus_is_explained(said: str) -> None:
    text = explained(said)
    assert text.startswith(f"The Docker engine cannot give a container a GPU: {said}.")
    assert "\n  sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker\n" in text
    assert text.endswith("--gpus none")


def test_any_other_refusal_is_quoted() -> None:
    assert explained("no space left on device") == "The Docker engine says no: no space left on device"


def test_an_engine_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(EngineError) as absent:
        Engine()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:  # a socket that nobody listens on
        left.bind(str(path))
    with pytest.raises(EngineError) as refused:
        Engine()
    for raised, why in ((absent, "No such file or directory"), (refused, "Connection refused")):
        assert str(raised.value) == (
            f"The Docker engine is not running: {path}: {why}. Start it:\n  sudo systemctl start docker"
        )
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(EngineError, match="Docker is not installed"):
        Engine()


def test_a_user_who_may_not_use_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    class Refusing(socket.socket):
        connect = refuse

    monkeypatch.setattr("search.engine.address.socket.socket", Refusing)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    with pytest.raises(EngineError) as raised:
        Engine()
    assert str(raised.value) == (
        "This user may not use the Docker engine: no permission on /var/run/docker.sock. Allow it, then log in anew:\n"
        "  sudo usermod -aG docker ada"
    )


def test_an_engine_of_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://ada@gpu-box")
    with pytest.raises(EngineError, match=r"The Docker engine is at ssh://ada@gpu-box: .*Unset DOCKER_HOST"):
        Engine()


def test_something_else_that_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    monkeypatch.setattr("search.engine.engine.TIMEOUT_S", 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(EngineError, match=f"The Docker engine at unix://{path} does not answer: "):
            Engine()


def test_where_the_engine_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert engine_address() == "unix:///var/run/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    assert engine_address() == "unix:///run/user/1000/docker.sock"


class Pipe:
    """What the SDK gives for an attached container, over a socket of our own."""

    def __init__(self, end: socket.socket) -> None:
        self._sock = end
        self._response = end


def frame(stream: int, data: bytes) -> bytes:
    """As the engine sends it: kind, three zeros, length, data."""
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def test_what_a_container_writes_is_told_apart() -> None:
    """A line of megabytes too; a frame that the engine's end cuts off is given as far as it came."""
    ours, engines = socket.socketpair()
    attached = Attached(None, "c", Pipe(ours), Pipe(ours))  # type: ignore[arg-type]
    large = b"x" * 3_000_000
    sent = frame(STDOUT, b"one\n") + frame(2, b"warning\n") + frame(STDOUT, large) + frame(STDOUT, b"cut off")[:-4]

    def send() -> None:
        engines.sendall(sent)
        engines.close()

    thread = threading.Thread(target=send)
    thread.start()
    heard: dict[int, bytes] = {STDOUT: b"", 2: b""}
    for stream, data in attached.read():
        heard[stream] += data
    thread.join()
    ours.close()
    assert heard == {STDOUT: b"one\n" + large + b"cut", 2: b"warning\n"}


def test_a_pipe_that_was_closed_is_read_no_further() -> None:
    ours, engines = socket.socketpair()
    attached = Attached(None, "c", Pipe(ours), Pipe(ours))  # type: ignore[arg-type]
    engines.close()
    attached.close()
    assert list(attached.read()) == []
