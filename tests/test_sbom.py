"""`make sbom`: its command as the shell reads it, and, where uv can fetch what it needs, the list that it writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TOOL = "cyclonedx-bom>=7"  # from 7 on, its default is CycloneDX 1.6
COMMAND = ["cyclonedx-py", "environment", "--pyproject", "pyproject.toml", "--output-reproducible"]
OUTPUT = ["--output-format", "JSON", "--output-file", "sbom.json"]
FETCH_S = 120  # for some 10 MB; then the tool counts as not to be had


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the list, with what the command reads."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def make(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make sbom` there, of the packages that these tests run with; .venv is not made."""
    program = shutil.which("make")
    assert program
    command = [program, "--file", str(ROOT / "Makefile"), "--assume-old=setup", "sbom", f"python={sys.executable}"]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_its_command_is_well_formed(folder: Path) -> None:
    """Seen from a program in uvx's place: what a shell makes of quotes and of `>`."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "uvx"
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint('HEARD', json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    before = set(folder.iterdir())
    made = make(folder, PATH=f"{program.parent}:{os.environ['PATH']}")
    assert made.returncode == 0, made.stderr
    (heard,) = [line.removeprefix("HEARD ") for line in made.stdout.splitlines() if line.startswith("HEARD ")]
    assert json.loads(heard) == ["--from", TOOL, *COMMAND, *OUTPUT, sys.executable]
    assert Requirement(TOOL).specifier.contains("7.5.0")
    assert set(folder.iterdir()) == before


def test_without_uv_it_says_what_to_install(folder: Path) -> None:
    made = make(folder, PATH=str(folder / "no programs"))
    assert made.returncode == 2
    assert made.stderr.startswith("make sbom: needs uv, which is not there: pipx install uv\n")
    assert not (folder / "sbom.json").exists()


@pytest.mark.slow
def test_it_lists_every_package(folder: Path) -> None:
    if shutil.which("uvx") is None:
        pytest.skip("no uvx: pipx install uv")
    asked = ["uvx", "--from", TOOL, COMMAND[0], "--version"]
    try:
        fetched = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=FETCH_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"uvx has not fetched {TOOL} after {FETCH_S} s")
    if fetched.returncode:
        pytest.skip(f"uvx cannot fetch {TOOL}: {(fetched.stderr.strip() or 'it does not say why').splitlines()[-1]}")
    made = make(folder)
    assert made.returncode == 0, made.stderr
    found = json.loads((folder / "sbom.json").read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == "blood-cell-search"
    listed = {canonicalize_name(package["name"]): package["version"] for package in found["components"]}
    for name in ("keras", "mlflow", "optuna", "optuna-dashboard", "tensorflow"):
        assert listed[name] == metadata.version(name)
