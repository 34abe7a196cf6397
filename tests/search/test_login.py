"""The login of a server of MLflow's: where it comes from, and that it is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.addresses.urls import mlflow_ui, shown_url, with_password
from search.errors import SettingsError
from search.settings import Places


def test_a_server_is_shown_without_a_login() -> None:
    for url in ("http://ada:s3cret@cells:5050/x", "http://ada@cells:5050/x", "http://cells:5050/x"):
        assert shown_url(url) == mlflow_ui(url) == "http://cells:5050/x"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://ada@cells:5050", "http://ada:a%2Fb@cells:5050"),
        ("https://ada@[::1]:5050/x", "https://ada:a%2Fb@[::1]:5050/x"),
        ("http://ada:hers@cells:5050", "http://ada:hers@cells:5050"),
        ("http://cells:5050", "http://cells:5050"),
        ("postgresql://ada@cells/mlflow", "postgresql://ada@cells/mlflow"),
    ],
)
def test_a_password_goes_to_a_user_without_one(url: str, found: str) -> None:
    assert with_password(url, "a/b") == found


def test_a_password_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada@cells:5050")
    monkeypatch.setenv("SEARCH_TRACKING_PASSWORD_FILE", str(file))
    assert Places.of(str(tmp_path)).tracking_uri == "http://ada:s3cret@cells:5050"
    other = Places.of(str(tmp_path), tracking_uri="http://ada@elsewhere:5050").tracking_uri
    assert other == "http://ada@elsewhere:5050", "it is of the variable's server, and goes to no other"
    file.unlink()
    with pytest.raises(SettingsError) as raised:
        Places.of(str(tmp_path))
    assert str(raised.value) == f"$SEARCH_TRACKING_PASSWORD_FILE {file}: cannot be read: No such file or directory"
