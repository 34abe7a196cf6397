"""The Optuna dashboard as a WSGI application that answers only under the names it is known by.

    DASHBOARD_ALLOWED_HOSTS=127.0.0.1:8050 SEARCH_STORAGE_URL=... gunicorn 'search.stack.dashboard:app()'

The dashboard has no login of its own, and changes studies: whoever reaches its port may delete them. Without the check
of the Host header any web page that the user opens could reach it by a name that points at 127.0.0.1 (DNS rebinding),
without that of Origin it could send a form there, and without `frame-ancestors` show its buttons in a frame. Where
DASHBOARD_PASSWORD_FILE is set and a login is wanted (`search.stack.access`), it asks for one. MLflow's side of all this
is `search.stack.tracking`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from search.addresses.urls import DASHBOARD_UI
from search.errors import SettingsError
from search.settings import STORAGE
from search.stack.access import is_authorized, login_is_wanted, names_in, refused_origin
from search.stack.tidied import tidied
from search.stores.optuna import open_storage

ALLOWED_HOSTS, PASSWORD_FILE = "DASHBOARD_ALLOWED_HOSTS", "DASHBOARD_PASSWORD_FILE"

# No page of another's shows it in a frame, under buttons that look like its own.
UNFRAMED = (("Content-Security-Policy", "frame-ancestors 'none'"), ("X-Frame-Options", "DENY"))

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def app() -> Application:
    """The application, on the storage and under the names that the environment gives.

    Raises:
        SettingsError: a variable is missing, or cannot be.
    """
    from optuna_dashboard import wsgi  # two seconds, with scikit-learn

    missing = [name for name in (STORAGE, ALLOWED_HOSTS) if not os.environ.get(name)]
    if missing:
        raise SettingsError(f"{missing[0]} is not set")
    password = None
    if os.environ.get(PASSWORD_FILE) and login_is_wanted():
        password = Path(os.environ[PASSWORD_FILE]).read_text()
    shown = tidied(wsgi(open_storage(os.environ[STORAGE])))
    application = guarded(shown, names_in(os.environ[ALLOWED_HOSTS]), password)
    if os.environ.get(DASHBOARD_UI):
        print(f"Optuna dashboard:  {os.environ[DASHBOARD_UI]}/dashboard", flush=True)
    return application


def main() -> None:
    """Serves the application on the socket that is standard input, as `search.ui` starts it: in one process, with a
    thread a request; gunicorn, the dashboard's default, has two.
    """
    listener = socket.socket(fileno=os.dup(0))
    server = Server(listener.getsockname(), WSGIRequestHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = listener.getsockname()
    server.setup_environ()
    server.set_app(app())
    server.serve_forever()


class Server(ThreadingMixIn, WSGIServer):
    """A thread a request; none keeps the process from its end."""

    daemon_threads = True


def guarded(application: Application, allowed: set[str], password: str | None = None) -> Application:
    """The application, which answers 403 to a Host or an Origin that is none of `allowed` (each with its port), and 401
    without the login where there is a password.
    """
    names = ", ".join(sorted(allowed))

    def guard(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        if host not in allowed:
            sentence = f"Not known by the name {host!r}; allowed: {names} (ALLOWED_HOSTS in .env)"
            return _refuse(start_response, "403 Forbidden", sentence)
        if refused := refused_origin(environ.get("HTTP_ORIGIN"), allowed):
            return _refuse(start_response, "403 Forbidden", refused)
        if password is not None and not is_authorized(environ.get("HTTP_AUTHORIZATION", ""), password):
            challenge = ("WWW-Authenticate", 'Basic realm="Optuna dashboard", charset="UTF-8"')
            sentence = "Log in, with the user and the password of MLflow's page"
            return _refuse(start_response, "401 Unauthorized", sentence, challenge)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *UNFRAMED], *rest)

        return application(environ, start)

    return guard


def _refuse(start_response: Callable[..., Any], status: str, sentence: str, *headers: tuple[str, str]) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *headers, *UNFRAMED])
    return [f"{sentence}\n".encode()]


if __name__ == "__main__":
    main()
