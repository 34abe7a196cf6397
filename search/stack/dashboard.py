"""The Optuna dashboard as a WSGI application that answers only under the names it is known by.

    DASHBOARD_ALLOWED_HOSTS=127.0.0.1:8050 SEARCH_STORAGE_URL=... gunicorn 'search.stack.dashboard:app()'

The dashboard has no password, and changes studies. Without the check of the Host header any web page that the user
opens could reach it by a name that points at 127.0.0.1 (DNS rebinding). MLflow has such a check of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

from search.errors import SettingsError
from search.settings import STORAGE
from search.stack.tidied import tidied
from search.stores.optuna import open_storage

ALLOWED_HOSTS = "DASHBOARD_ALLOWED_HOSTS"

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def app() -> Application:
    """The application, on the storage and under the names that the environment gives.

    Raises:
        SettingsError: a variable is missing.
    """
    from optuna_dashboard import wsgi  # two seconds, with scikit-learn

    missing = [name for name in (STORAGE, ALLOWED_HOSTS) if not os.environ.get(name)]
    if missing:
        raise SettingsError(f"{missing[0]} is not set")
    allowed = {host.strip() for host in os.environ[ALLOWED_HOSTS].split(",")}
    return guarded(tidied(wsgi(open_storage(os.environ[STORAGE]))), allowed)


def main(host: str, port: str) -> None:
    """Serves the application in one process, with a thread a request; gunicorn, the dashboard's default, has two."""

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    make_server(host, int(port), app(), server_class=Server).serve_forever()


def guarded(application: Application, allowed: set[str]) -> Application:
    """The application, which answers 403 to a Host header that is none of `allowed` (each with its port)."""

    def guard(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        if host in allowed:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"Not known by the name {host!r}; allowed: {', '.join(sorted(allowed))}\n".encode()]

    return guard


if __name__ == "__main__":
    main(*sys.argv[1:])
