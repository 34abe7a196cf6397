"""The repository holds what it should, where it should, and nothing of the machine it was written on."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "LOG.md",
    "Makefile", "pyproject.toml", "docker-compose.yml", "docker-compose.cpu.yml", "docker-compose.tls.yml",
    "Dockerfile.gpu",
    "search", "trainer", "studies", "tests", "benchmarks",
}  # fmt: skip
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
# Written so that they do not match themselves.
FOREIGN = {
    "a package index": re.compile(r"(pypi|pythonhosted)[.](org|python)|-{2}(extra-index-url|index-url|find-links)\b"),
    "a path of one machine": re.compile(r"(?<![\w.)}])/(home/[a-z]|Users/[A-Za-z]|(root|work)/)"),
}


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """What git has, or would take with `git add --all`."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what belongs to the repository cannot be told")
    # safe.directory: in CI the checkout may belong to another user.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def test_the_top_level_holds_only_what_it_may(files: list[Path]) -> None:
    names = {file.relative_to(ROOT).parts[0] for file in files}
    assert sorted(name for name in names - TOP_LEVEL if not name.startswith(".")) == []


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_names_what_is_foreign(files: list[Path], what: str) -> None:
    found = []
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture
        found += [
            f"{file.relative_to(ROOT)}:{number}: {line.strip():.100}"
            for number, line in enumerate(lines, 1)
            if FOREIGN[what].search(line)
        ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package index", "see https://py" + "pi.org/simple"),
        ("a path of one machine", "cd /ho" + "me/ada/cells"),
        ("a path of one machine", "open('/ro" + "ot/.keras')"),
    ],
)
def test_what_is_foreign_is_recognised(what: str, text: str) -> None:
    assert FOREIGN[what].search(text)


def test_constraints_are_exact() -> None:
    lines = CONSTRAINTS.read_text().splitlines()
    line_form = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==[0-9][^\s;,*]*( ; [^;]+)?")
    assert [line for line in lines if not line_form.fullmatch(line)] == []
    assert lines == sorted(set(lines))


def test_constraints_meet_every_requirement_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(line.partition(" ;")[0].split("==") for line in CONSTRAINTS.read_text().splitlines())
    wrong = []
    for line in sum(project["optional-dependencies"].values(), project["dependencies"]):
        requirement = Requirement(line)
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            wrong.append(f"{line}: {pin or 'not in constraints.txt'}")
    assert wrong == []


def test_hashes_are_of_the_versions_in_the_constraints() -> None:
    """Every file of a package has one; what the constraints do not know is another system's, by its marker."""
    pins = dict(line.partition(" ;")[0].split("==") for line in CONSTRAINTS.read_text().splitlines())
    text = CONSTRAINTS.with_name("constraints-hashes.txt").read_text()
    entries = [entry.split(" \\\n    ") for entry in re.split(r"\n(?=\S)", text.strip())]
    foreign = [head for head, *_ in entries if "sys_platform == 'win32'" in head]
    found = dict(head.partition(" ;")[0].split("==") for head, *_ in entries if head not in foreign)
    assert {name: version for name, version in found.items() if pins.get(name) != version} == {}
    line_form = re.compile(r"--hash=sha256:[0-9a-f]{64}")
    assert all(hashes and all(line_form.fullmatch(line) for line in hashes) for _, *hashes in entries)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["search"], *extras["trainer"], *extras["test"]]
    assert {canonicalize_name(Requirement(line).name) for line in wanted} - found.keys() == set()


STUDIES = sorted((ROOT / "studies").glob("*.toml"))


def test_an_installation_has_what_a_checkout_has() -> None:
    """`pip install .` takes the studies too, and puts them where the search looks for them: beside its package."""
    from search.study import toml_file

    setuptools = pytest.importorskip("setuptools")
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = set(setuptools.find_namespace_packages(str(ROOT), include=tools["packages"]["find"]["include"]))
    assert {path.name for path in (ROOT / "studies").glob(tools["package-data"]["studies"][0])} == {
        path.name for path in STUDIES
    }
    assert toml_file.STUDIES == ROOT / "studies"
    files = [path for top in ("search", "trainer") for path in (ROOT / top).rglob("*.py")]
    code = {".".join(path.parent.relative_to(ROOT).parts) for path in files}
    assert code | {"studies"} <= packages
    assert not [name for name in packages if name.startswith(("tests", "benchmarks", "studies."))]


def test_a_trainer_py_in_the_current_folder_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text("raise SystemExit('not mine')")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "search.run", "--help"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_a_study_opens_with_its_question(study: Path) -> None:
    opening = []
    for line in study.read_text().splitlines():
        if not line.startswith("#"):
            break
        opening.append(line)
    assert "?" in "\n".join(opening), f"{study.name} opens with no comment that asks its question"


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, flags=re.MULTILINE))
    told = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    listed = re.findall(r"^  make ([a-z-]+)  +\S", told.stdout, flags=re.MULTILINE)
    assert sorted(listed) == sorted(targets)
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert phony
    assert sorted(phony[1].split()) == sorted(targets)


def test_ci_runs_what_the_readme_names() -> None:
    script = ROOT / ".ci" / "run"
    assert script.read_text().splitlines()[-1] == "exec make test"
    assert script.stat().st_mode & 0o111


def tree(readme: str) -> dict[str, str]:
    """The file tree of a README: path -> caption. Lines indented by two spaces a folder, or drawn with lines."""
    for block in re.findall(r"```[a-z]*\n(.*?)```", readme, flags=re.DOTALL):
        if re.search(r"^\W*search/", block, flags=re.MULTILINE):
            break
    else:
        return {}
    entries: dict[str, str] = {}
    open_folders: list[tuple[int, str]] = []
    for line in block.splitlines():
        match = re.fullmatch(r"([\s│├└─|]*)(\S+)(?:\s+#?\s*(.*))?", line)
        if not match:
            continue
        indent, name, caption = len(match[1]), match[2], match[3] or ""
        open_folders = [folder for folder in open_folders if folder[0] < indent]
        path = (open_folders[-1][1] if open_folders else "") + name
        entries[path] = caption
        if name.endswith("/"):
            open_folders.append((indent, path))
    return entries


def test_a_drawn_tree_and_an_indented_one_read_the_same() -> None:
    indented = "```\nsearch/     the service\n  run.py    starts it\ntests/      proofs\n```"
    drawn = "```\n├── search/      # the service\n│   └── run.py   # starts it\n└── tests/       # proofs\n```"
    expected = {"search/": "the service", "search/run.py": "starts it", "tests/": "proofs"}
    assert tree(indented) == expected
    assert tree(drawn) == expected


def test_the_readme_draws_the_files_that_are_there(files: list[Path]) -> None:
    """Each entry exists and has a caption; a folder whose contents are drawn is drawn whole."""
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README.md yet")
    entries = tree(readme.read_text())
    assert entries, "README.md has no file tree (a fenced block with a line that starts with `search/`)"
    assert [name for name in entries if not (ROOT / name).exists()] == [], "drawn, but not there"
    assert [name for name, caption in entries.items() if not caption] == [], "without a caption"
    opened = {name.rstrip("/").rpartition("/")[0] for name in entries}
    missing = set()
    for file in (file.relative_to(ROOT) for file in files):
        for path in (file, *file.parents[:-1]):
            hidden = path.name.startswith(".") or path.name == "__init__.py"
            drawn = str(path) in entries or f"{path}/" in entries
            above = "" if path.parent == Path() else str(path.parent)
            if above in opened and not hidden and not drawn:
                missing.add(str(path))
    assert sorted(missing) == [], "there, but not drawn"


PAGES = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "LOG.md"]
PATH = re.compile(r"(?<![\w/.:-])((?:search|trainer|tests|benchmarks|studies|\.ci)/[\w./-]*\w)")
COMMAND = re.compile(r"python -m ([\w.]+)")


def named(page: str) -> tuple[set[str], set[str]]:
    """The paths and the modules that a page names."""
    return set(PATH.findall(page)), set(COMMAND.findall(page))


def test_what_a_page_names_is_recognised() -> None:
    page = "See `search/run.py`, .ci/run and `python -m search.list`, not runs/studies/pooling/x or x/search/y."
    assert named(page) == ({"search/run.py", ".ci/run"}, {"search.list"})


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    paths, modules = named((ROOT / page).read_text())
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []
    assert sorted(name.rstrip(".") for name in modules if importlib.util.find_spec(name.rstrip(".")) is None) == []


def test_the_workflow_runs_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step] == [".ci/run"]


def test_hooks_are_the_tools_of_the_environment() -> None:
    """So that a commit is checked with the versions of .ci/constraints.txt, and nothing is downloaded."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook for hook in config["repos"][0]["hooks"]}
    assert list(hooks) == ["ruff", "ruff-format", "mypy"]
    for hook in hooks.values():
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python -m ")


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_an_issue_form_is_one(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= content.keys()
    ids = [field["id"] for field in content["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in content["body"])
