"""The Optuna dashboard without a "Best Trial" for questions: the answer compares levels, and ranks no single trial.

The dashboard asks Optuna for the best trial of every study with one objective, and has no option for it; so the list is
emptied in what it answers (`/api/studies/ID`). Studies say what they are by the attribute `kind`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

RANKS_TRIALS = "search"  # the kind of study that does
_DETAIL = re.compile(r"/api/studies/\d+")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def without_crown(application: Application) -> Application:
    """The application, which names no best trial of a question."""

    def crownless(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") != "GET" or not _DETAIL.fullmatch(environ.get("PATH_INFO", "")):
            return application(environ, start_response)
        began: list[Any] = []
        body = b"".join(application(environ, lambda *arguments: began.append(arguments)))
        status, headers, *rest = began[-1]
        if status.startswith("200"):
            body = uncrowned(body)
            headers = [(key, value) for key, value in headers if key.lower() != "content-length"]
            headers.append(("Content-Length", str(len(body))))
        start_response(status, headers, *rest)
        return [body]

    return crownless


def uncrowned(body: bytes) -> bytes:
    """The details of a study in JSON, without a best trial where it asks a question."""
    detail = json.loads(body)
    kinds = [attribute["value"].strip('"') for attribute in detail.get("user_attrs", ()) if attribute["key"] == "kind"]
    if not kinds or kinds[0] == RANKS_TRIALS:
        return body
    return json.dumps({**detail, "best_trials": []}).encode()
