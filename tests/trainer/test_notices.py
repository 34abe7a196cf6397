"""TensorFlow's log lines are dropped from stderr; what else is written there comes through."""

from __future__ import annotations

import os

import pytest

from trainer.notices import without_notices

SAID = b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795856310.892963    6238 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1795856312.785944    6238 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)
F0000 00:00:1795856312.785944    6238 tensor.cc:52] Check failed: 1 == 2
Traceback (most recent call last):
I am a line of one's own
an end without a line break"""


def test_notices_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with without_notices():
        os.write(2, SAID)
    os.write(2, b"\nI0000 00:00:1795856310.892963    6238 port.cc:153] after it\n")
    kept = SAID.decode().splitlines()[3:]
    after = "I0000 00:00:1795856310.892963    6238 port.cc:153] after it"
    assert capfd.readouterr().err.splitlines() == [*kept, after]


def test_an_exception_leaves_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    before = os.fstat(2).st_ino
    with pytest.raises(ValueError, match="inside"), without_notices():
        raise ValueError("inside")
    assert os.fstat(2).st_ino == before
