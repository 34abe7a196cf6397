"""A stack is one folder's: the mark in its volume, and what is said to another folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.stack import folder

LINES = """22 1 0:21 / /proc rw,nosuid - proc proc rw
1187 1090 8:1 /srv/ada/first /project ro,relatime - ext4 /dev/root rw
1188 1090 8:1 /var/lib/docker/volumes/x_runs/_data /runs rw,relatime - ext4 /dev/root rw
"""


def begin(path: str, mark: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    mounts = mark.with_name("mountinfo")
    mounts.write_text(LINES.replace("/srv/ada/first", path))
    monkeypatch.setattr(folder, "MOUNTS", mounts)
    return folder.main([str(mark), "/project", *more])


def test_a_second_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / ".folder"
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "cells")
    assert [begin("/srv/ada/first", mark, monkeypatch) for _ in range(2)] == [0, 0]
    assert begin("/srv/bob/first", mark, monkeypatch) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "The stack cells belongs to another folder: it was made from /srv/ada/first, and this is /srv/bob/first. "
    )
    assert said.endswith("moved or renamed: docker compose run --rm same-folder --moved\n")
    assert begin("/srv/ada/first", mark, monkeypatch) == 0, "the first goes on"
    assert begin("/srv/bob/first", mark, monkeypatch, "--moved") == 0
    assert begin("/srv/bob/first", mark, monkeypatch) == 0
    assert begin("/srv/ada/first", mark, monkeypatch) == 1


def test_a_space_and_an_accent_in_the_path() -> None:
    mounts = LINES.replace("/srv/ada/first", "/srv/ada/\\040été\\134x")
    assert folder.source_of("/project", mounts) == "/srv/ada/ été\\x"


def test_nothing_is_mounted() -> None:
    with pytest.raises(LookupError, match="/images: nothing is mounted there"):
        folder.source_of("/images", LINES)
