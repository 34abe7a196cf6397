"""What the dashboard answers of a study: attributes in order, no best trial of a question."""

from __future__ import annotations

import json
from typing import Any

import pytest

from search.stack.tidied import shown, tidied


@pytest.mark.parametrize(("kind", "crowned"), [("levels", False), ("reference", False), ("search", True), (None, True)])
def test_a_question_has_no_best_trial(kind: str | None, crowned: bool) -> None:
    attributes = [{"key": "question", "value": '"What?"'}]
    attributes += [{"key": "kind", "value": json.dumps(kind)}] if kind else []
    body = json.dumps(
        {"name": "s", "user_attrs": attributes, "best_trials": [{"number": 3, "user_attrs": []}]}
    ).encode()
    found = json.loads(shown(body))
    assert ([trial["number"] for trial in found["best_trials"]] == [3]) is crowned
    assert found["name"] == "s"


def test_only_the_details_of_a_study_are_read() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(environ["status"], [("Content-Length", "8")])
        return [b"no ", b"JSON."]

    def answer(method: str, path: str, status: str = "200 OK") -> bytes:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "status": status}
        return b"".join(tidied(application)(environ, lambda *arguments: None))

    assert answer("GET", "/api/studies") == b"no JSON."
    assert answer("GET", "/api/studies/1/param_importances") == b"no JSON."
    assert answer("PUT", "/api/studies/1") == b"no JSON."
    assert answer("GET", "/api/studies/1", "404 Not Found") == b"no JSON."


def test_what_came_of_a_trial_comes_first() -> None:
    names = ["fold", "role", "seed", "slot", "start_epoch", "test_accuracy"]
    trial = {"number": 0, "user_attrs": [{"key": name, "value": "0"} for name in names]}
    body = json.dumps({"user_attrs": [], "trials": [trial], "best_trials": []}).encode()
    found = [attribute["key"] for attribute in json.loads(shown(body))["trials"][0]["user_attrs"]]
    assert found == ["seed", "fold", "test_accuracy", "start_epoch", "role", "slot"]
