"""The commit that is noted: of a checkout by git, of a container's code by the checkout that is mounted there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from search.folder import provenance

ADA = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *ADA, "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if not shutil.which("git"):
        pytest.skip("no git to make a checkout with")
    folder = tmp_path / "Ada's checkout"
    for name in provenance.CODE:
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner" / "file.py").write_text(f"# {name}\n")
    (folder / "README.md").write_text("of no code\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    return folder


def noted(code: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """As in a container with this code, and without git."""
    pytest.importorskip("dulwich")
    monkeypatch.setattr(provenance, "__file__", str(code / "search" / "folder" / "provenance.py"))
    monkeypatch.setenv("SEARCH_CHECKOUT", str(checkout))
    monkeypatch.setenv("PATH", "/nowhere")
    return provenance.git_commit()


def test_an_images_code_is_the_commits_or_differs(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    image = tmp_path / "app"
    shutil.copytree(checkout, image, ignore=shutil.ignore_patterns(".git", "README.md"))
    git(checkout, "gc", "--quiet")  # packed, as a clone is
    with monkeypatch.context() as patch:
        assert noted(image, checkout, patch) == commit
        (checkout / "search" / "inner" / "file.py").write_text("changed, and not built\n")
        assert noted(image, checkout, patch) == commit, "what ran is the image's code"
        (image / "trainer" / "inner" / "file.py").write_text("built from something else\n")
        assert noted(image, checkout, patch) == f"{commit}-dirty"
        (image / "trainer" / "inner" / "file.py").unlink()
        assert noted(image, checkout, patch) == f"{commit}-dirty"


def test_a_folder_that_is_no_checkout_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert noted(tmp_path, tmp_path, monkeypatch) is None
