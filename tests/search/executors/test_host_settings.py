"""What `hosts.toml` and `--hosts` say of machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import SettingsError
from search.executors._host_settings import HostSettings, chosen_hosts, read_hosts

WHOLE = """
[lab1]
slots = 2
gpus = [0, 1]
python = "/opt/venv/bin/python"
data = "/data/blood-cells"
cache = "~/cells"
environment = { TF_XLA_FLAGS = "--tf_xla_auto_jit=2" }

[lab2]

[allocation]
prefix = ["srun", "--ntasks=1", "--gpus=1"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_names_machines(here: Path) -> None:
    (here / "hosts.toml").write_text(WHOLE)
    one, two, three = chosen_hosts(None, None)
    assert (one.name, one.slots, one.gpus, one.python) == ("lab1", 2, (0, 1), "/opt/venv/bin/python")
    assert (one.data, one.cache) == ("/data/blood-cells", "~/cells")
    assert one.environment == {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}
    assert two == HostSettings(name="lab2")
    assert (two.command, two.by_ssh) == (("ssh", "lab2"), True)
    assert (three.command, three.by_ssh) == (("srun", "--ntasks=1", "--gpus=1"), False)


def test_a_flag_chooses_and_counts_slots(here: Path) -> None:
    (here / "hosts.toml").write_text(WHOLE)
    hosts = chosen_hosts("lab1:3, ada@other", None)
    assert [(host.name, host.slots, host.data) for host in hosts] == [
        ("lab1", 3, "/data/blood-cells"),
        ("ada@other", None, None),
    ]


def test_all_mistakes_of_a_file_are_told_at_once(here: Path) -> None:
    path = here / "hosts.toml"
    path.write_text(
        'slots = 2\n[lab1]\nname = "x"\nslots = 0\ngpu = [0]\ncache = "cells"\n[lab2]\ngpus = [-1]\n'
        'environment = { "A B" = "1" }\n["-oProxyCommand=x"]\n'
    )
    with pytest.raises(SettingsError) as caught:
        read_hosts(path)
    assert str(caught.value).split("\n  ") == [
        f"{path} cannot be used, 8 mistakes:",
        "slots: found 2; allowed: tables, one a machine, as [lab1]",
        "lab1.name: unknown; the table's own name is the machine's",
        "lab1.slots: Input should be greater than or equal to 1 (found 0)",
        "lab1.cache: not a whole path; allowed: one that begins with / or ~/ (found 'cells')",
        "lab1.gpu: Extra inputs are not permitted (found [0])",
        "lab2.gpus.0: Input should be greater than or equal to 0 (found -1)",
        "lab2.environment.A B.[key]: String should match pattern '^[A-Za-z_]\\w*$' (found 'A B')",
        "-oProxyCommand=x: String should match pattern '^[A-Za-z0-9_][\\w.@-]*$' (found '-oProxyCommand=x')",
    ]


@pytest.mark.parametrize(
    ("wanted", "mistake"),
    [
        ("lab1,,lab2", "a name: String should match pattern '^[A-Za-z0-9_][\\w.@-]*$' (found '')"),
        ("lab1:0", "lab1.slots: Input should be greater than or equal to 1 (found '0')"),
        (
            "lab1:two",
            "lab1.slots: Input should be a valid integer, unable to parse string as an integer (found 'two')",
        ),
        ("lab1,lab1", "lab1: named twice; more slots are lab1:2"),
        ("-l,x", "-l: String should match pattern '^[A-Za-z0-9_][\\w.@-]*$' (found '-l')"),
    ],
)
def test_names_that_cannot_be_used(here: Path, wanted: str, mistake: str) -> None:
    with pytest.raises(SettingsError) as caught:
        chosen_hosts(wanted, None)
    assert str(caught.value) == f"--hosts {wanted}: allowed are names as lab1,lab2:2\n  {mistake}"


def test_no_machine_at_all(here: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        chosen_hosts(None, None)
    assert str(caught.value) == (
        "--executor hosts: found no machine; allowed: --hosts lab1,lab2:2, or a file hosts.toml (see README)"
    )
    (here / "empty.toml").write_text("")
    with pytest.raises(
        SettingsError, match=r"empty\.toml cannot be used, 1 mistake:\n  found no machine; allowed: tables"
    ):
        chosen_hosts(None, "empty.toml")
    with pytest.raises(SettingsError, match=r"^none\.toml cannot be read: "):
        chosen_hosts(None, "none.toml")
    (here / "hosts.toml").write_text("[lab1")
    with pytest.raises(SettingsError, match=r"^hosts\.toml cannot be read: Expected '\]' at the end of a table"):
        chosen_hosts("lab1", None)
