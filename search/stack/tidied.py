"""The Optuna dashboard's study, as it is shown: what came of a trial first, and no "Best Trial" for questions, whose
answer compares levels and ranks no single trial.

The dashboard asks Optuna for the best trial of every study with one objective, and has no option for it; so the list is
emptied in what it answers (`/api/studies/ID`). A trial's attributes come as the database has them, by name. Studies say
what they are by the attribute `kind`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

RANKS_TRIALS = "search"  # the kind of study that does
# The first of a trial's attributes; those of other names come behind them, as they are.
FIRST = ("seed", "fold", "test_accuracy", "val_accuracy", "train_accuracy", "vram_peak_mib", "train_s", "parameters")
LAST = ("role", "slot", "mlflow_run")
_DETAIL = re.compile(r"/api/studies/\d+")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def tidied(application: Application) -> Application:
    """The application, whose details of a study are `shown`."""

    def tidy(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") != "GET" or not _DETAIL.fullmatch(environ.get("PATH_INFO", "")):
            return application(environ, start_response)
        began: list[Any] = []
        body = b"".join(application(environ, lambda *arguments: began.append(arguments)))
        status, headers, *rest = began[-1]
        if status.startswith("200"):
            body = shown(body)
            headers = [(key, value) for key, value in headers if key.lower() != "content-length"]
            headers.append(("Content-Length", str(len(body))))
        start_response(status, headers, *rest)
        return [body]

    return tidy


def shown(body: bytes) -> bytes:
    """The details of a study in JSON: attributes in order, no best trial where it asks a question."""
    detail = json.loads(body)
    for trial in (*detail.get("trials", ()), *detail.get("best_trials", ())):
        trial["user_attrs"] = sorted(trial.get("user_attrs", ()), key=lambda attribute: _place(attribute["key"]))
    kinds = [attribute["value"].strip('"') for attribute in detail.get("user_attrs", ()) if attribute["key"] == "kind"]
    if not kinds or kinds[0] == RANKS_TRIALS:
        return json.dumps(detail).encode()
    return json.dumps({**detail, "best_trials": []}).encode()


def _place(name: str) -> int:
    if name in FIRST:
        return FIRST.index(name)
    return len(FIRST) + 1 + LAST.index(name) if name in LAST else len(FIRST)
