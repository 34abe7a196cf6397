"""The Optuna dashboard as a WSGI application that answers only under the names it is known by.

    DASHBOARD_ALLOWED_HOSTS=127.0.0.1:8050 SEARCH_STORAGE_URL=... gunicorn 'search.stack.dashboard:app()'

The dashboard has no password, and changes studies: whoever reaches its port may delete them. Without the check of the
Host header any web page that the user opens could reach it by a name that points at 127.0.0.1 (DNS rebinding), without
that of Origin it could send a form there, and without `frame-ancestors` show its buttons in a frame of its own. MLflow
checks names itself.
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

# No page of another's shows it in a frame, under buttons that look like its own.
UNFRAMED = (("Content-Security-Policy", "frame-ancestors 'none'"), ("X-Frame-Options", "DENY"))

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
    allowed = {host.strip() for host in os.environ[ALLOWED_HOSTS].split(",") if host.strip()}
    return guarded(tidied(wsgi(open_storage(os.environ[STORAGE]))), allowed)


def main(host: str, port: str) -> None:
    """Serves the application in one process, with a thread a request; gunicorn, the dashboard's default, has two."""

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    make_server(host, int(port), app(), server_class=Server).serve_forever()


def guarded(application: Application, allowed: set[str]) -> Application:
    """The application, which answers 403 to a Host or an Origin that is none of `allowed` (each with its port).

    A request without Origin is no page's: browsers send it with whatever changes something (Fetch Standard, 3.1.2).
    """

    def guard(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        names = ", ".join(sorted(allowed))
        if host not in allowed:
            return _refuse(start_response, f"Not known by the name {host!r}; allowed: {names} (ALLOWED_HOSTS in .env)")
        if origin is not None and origin.partition("://")[2] not in allowed:
            return _refuse(start_response, f"A page of {origin!r} may change nothing here; allowed: pages of {names}")

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *UNFRAMED], *rest)

        return application(environ, start)

    return guard


def _refuse(start_response: Callable[..., Any], sentence: str) -> list[bytes]:
    start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8"), *UNFRAMED])
    return [f"{sentence}\n".encode()]


if __name__ == "__main__":
    main(*sys.argv[1:])
