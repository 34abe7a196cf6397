"""What runs inside the services: the passwords, the dashboard's guard, the health check."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search.errors import SettingsError
from search.stack import access, gpu
from search.stack.dashboard import ALLOWED_HOSTS, PASSWORD_FILE, app, guarded
from search.stack.healthy import healthy
from search.stack.passwords import main


class TestPasswords:
    def test_are_made_once(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        folders = [tmp_path / "optuna", tmp_path / "mlflow"]
        for folder in folders:
            folder.mkdir()
        main([str(folder) for folder in folders])
        optuna, mlflow = ((folder / "password").read_text() for folder in folders)
        assert len({optuna, mlflow}) == 2
        assert all(
            len(password) == 32 and password.replace("-", "").replace("_", "").isalnum()
            for password in (optuna, mlflow)
        )
        assert (tmp_path / "optuna" / "pgpass").read_text() == f"*:*:*:optuna:{optuna}\n"
        main([str(folder) for folder in folders])
        assert (tmp_path / "optuna" / "password").read_text() == optuna
        assert capfd.readouterr() == ("", ""), "said something"

    def test_the_group_reads_the_password_and_libpq_takes_pgpass(self, tmp_path: Path) -> None:
        main([str(tmp_path)])
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
        assert modes == {"password": "0o440", "pgpass": "0o400"}

    def test_what_a_crash_left_is_mended(self, tmp_path: Path) -> None:
        (tmp_path / "password").touch()
        (tmp_path / ".password.partial").write_text("half")
        main([str(tmp_path)])
        assert len((tmp_path / "password").read_text()) == 32
        assert not (tmp_path / ".password.partial").exists()


def answer(
    application: Any, host: str | None, origin: str | None = None, authorization: str | None = None
) -> tuple[str, bytes]:
    statuses: list[str] = []
    named = {"HTTP_HOST": host, "HTTP_ORIGIN": origin, "HTTP_AUTHORIZATION": authorization}
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies"}
    environ |= {name: value for name, value in named.items() if value is not None}
    body = b"".join(application(environ, lambda status, headers, *_: statuses.append(status)))
    return statuses[0], body


class TestDashboard:
    def test_answers_under_its_own_names_alone(self) -> None:
        def inner(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            return [b"inner"]

        application = guarded(inner, {"127.0.0.1:8050", "localhost:8050"})
        assert answer(application, "localhost:8050") == ("200 OK", b"inner")
        for host in (None, "", "evil.example", "localhost", "localhost:8051", "127.0.0.1:8050.evil.example"):
            status, body = answer(application, host)
            assert status == "403 Forbidden"
            names = "127.0.0.1:8050, localhost:8050 (ALLOWED_HOSTS in .env)"
            assert body.decode() == f"Not known by the name {host or ''!r}; allowed: {names}\n"

    def test_pages_of_others_change_nothing(self) -> None:
        application = guarded(lambda environ, start_response: start_response("201 Created", []) or [b"made"], {"a:1"})
        for origin in (None, "http://a:1", "https://a:1"):
            assert answer(application, "a:1", origin) == ("201 Created", b"made")
        for origin in ("http://evil.example", "null", "", "http://a:2", "http://a:1.evil.example", "a:1"):
            status, body = answer(application, "a:1", origin)
            assert status == "403 Forbidden"
            assert body.decode() == f"A page of {origin!r} may change nothing here; allowed: pages of a:1\n"

    def test_asks_for_the_login_where_there_is_a_password(self) -> None:
        application = guarded(lambda environ, start: start("200 OK", []) or [b"in"], {"a:1"}, "s3cret")
        assert answer(application, "a:1", None, access.authorization("s3cret")) == ("200 OK", b"in")
        for given in (None, "", "Basic", access.authorization("S3cret"), access.authorization("")):
            status, body = answer(application, "a:1", None, given)
            assert status == "401 Unauthorized"
            assert body == b"Log in, with the user and the password of MLflow's page\n"
        headers: list[tuple[str, str]] = []
        list(application({"HTTP_HOST": "a:1"}, lambda status, found: headers.extend(found)))
        assert ("WWW-Authenticate", 'Basic realm="Optuna dashboard", charset="UTF-8"') in headers, "a browser asks"
        assert answer(application, "b:2", None, access.authorization("s3cret"))[0] == "403 Forbidden"

    def test_no_page_shows_it_in_a_frame(self) -> None:
        found: dict[str, list[tuple[str, str]]] = {}
        application = guarded(lambda environ, start: start("200 OK", [("X", "y")]) or [], {"a:1"})
        for host in ("a:1", "b:2"):
            list(application({"HTTP_HOST": host}, lambda status, headers, host=host: found.update({host: headers})))
        assert ("X", "y") in found["a:1"]
        for headers in found.values():
            assert ("Content-Security-Policy", "frame-ancestors 'none'") in headers
            assert ("X-Frame-Options", "DENY") in headers

    def test_shows_the_storage_of_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In a process of its own: the dashboard opens files that it leaves to the end of the process."""
        monkeypatch.setenv("SEARCH_STORAGE_URL", f"sqlite:///{tmp_path}/optuna.db")
        monkeypatch.setenv(ALLOWED_HOSTS, "a:1, b:2")
        (tmp_path / "password").write_text("s3cret")
        monkeypatch.setenv(PASSWORD_FILE, str(tmp_path / "password"))
        program = (
            "import os\n"
            "from tests.search.stack.test_services import answer\n"
            "from search.stack.access import authorization\n"
            "from search.stack.dashboard import app\n"
            "print(answer(app(), 'b:2'), answer(app(), 'c:3')[0])\n"
            "os.environ |= {'LOGIN': 'on', 'SEARCH_DASHBOARD_UI': 'http://b:2'}\n"
            "print(answer(app(), 'b:2')[0], answer(app(), 'b:2', None, authorization('s3cret'))[0])"
        )
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).resolve().parents[3],
        )
        assert run.stdout.startswith("('200 OK', b'{\"study_summaries\": []"), run.stderr
        assert " 403 Forbidden\n" in run.stdout
        assert run.stdout.count("Optuna dashboard:  http://b:2/dashboard\n") == 2, "once for each application"
        assert run.stdout.endswith("\n401 Unauthorized 200 OK\n")

    @pytest.mark.parametrize("missing", ["SEARCH_STORAGE_URL", ALLOWED_HOSTS])
    def test_names_a_variable_that_is_missing(self, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
        monkeypatch.setenv("SEARCH_STORAGE_URL", "sqlite://")
        monkeypatch.setenv(ALLOWED_HOSTS, "a:1")
        monkeypatch.delenv(missing)
        with pytest.raises(SettingsError, match=f"{missing} is not set"):
            app()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 500)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()
        thread.join()


def test_health_is_an_answer_of_200(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # which is not asked
    monkeypatch.delenv("no_proxy", raising=False)
    assert healthy(f"{server}/well")
    assert not healthy(f"{server}/ill")
    assert not healthy("http://127.0.0.1:9/")
    assert "HTTP Error 500" in capsys.readouterr().err


def test_a_health_check_logs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str | None] = []

    class Asks(Handler):
        def do_GET(self) -> None:
            given.append(self.headers["Authorization"])
            super().do_GET()

    monkeypatch.setattr("search.stack.healthy.PASSWORD", tmp_path / "password")
    with http.server.HTTPServer(("127.0.0.1", 0), Asks) as one:
        thread = threading.Thread(target=lambda: [one.handle_request() for _ in range(2)])
        thread.start()
        assert healthy(f"http://127.0.0.1:{one.server_port}/well")
        (tmp_path / "password").write_text("s3cret")
        assert healthy(f"http://127.0.0.1:{one.server_port}/well")
        thread.join()
    assert given == [None, access.authorization("s3cret")]


class TestGpu:
    @pytest.mark.parametrize(
        ("driver", "kernel", "status"),
        [
            (True, "Linux version 6.1.0-13-amd64", 0),
            (False, "Linux version 6.1.0-13-amd64", 1),
            (False, "Linux version 5.15.90.1-microsoft-standard-WSL2", 0),
        ],
    )
    def test_is_looked_for_before_docker_does(
        self, driver: bool, kernel: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if driver:
            (tmp_path / "nvidia").mkdir()
        (tmp_path / "version").write_text(kernel)
        assert gpu.main(tmp_path / "nvidia", tmp_path / "version") == status
        said = (
            "This machine has no driver of NVIDIA's, and the service search asks for a GPU. To train on the CPU: "
            "COMPOSE_FILE=docker-compose.yml:docker-compose.cpu.yml in .env (make up writes it there), then the same "
            "command\n"
        )
        assert capsys.readouterr().err == (said if status else "")
