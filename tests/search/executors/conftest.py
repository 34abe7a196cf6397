"""A real sshd for the tests of machines over ssh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sshd import Sshd, running_sshd


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """On loopback, for this user; skips where a program of OpenSSH is missing."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running
