"""Who may import whom: read from the source of every module, and seen again in a real interpreter.

The rules keep the controller quick to start, the trainer free of secrets, and each foreign service behind one module.
"""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOTS_OF_KERAS = {"tensorflow", "keras", "jax", "torch"}
SERVICES = {"optuna", "optuna_dashboard", "mlflow", "sqlalchemy", "alembic", "psycopg2", "docker", "ray"}
UNDECLARED = {"jax", "torch", "pydantic_core"}  # Keras backends that the user brings; a part of pydantic


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_name(path): path for package in ("search", "trainer") for path in (ROOT / package).rglob("*.py")}


def imported_names(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Every module that the source imports, at its top or inside a function, with what `from` takes of it."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                base = node.module or ""
                if node.level:
                    parents = module.split(".") if is_package else module.split(".")[:-1]
                    parents = parents[: len(parents) - node.level + 1]
                    base = ".".join([*parents, base] if base else parents)
                yield from (f"{base}.{alias.name}" for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


IMPORTS = {
    name: set(imported_names(path.read_text(), name, path.name == "__init__.py")) for name, path in MODULES.items()
}


def roots(module: str) -> set[str]:
    """The packages that a module imports from."""
    return {name.partition(".")[0] for name in IMPORTS[module]}


def test_the_reader_of_imports_sees_every_form() -> None:
    source = """
import mlflow.keras
from optuna import samplers
from . import near
from ..far import thing
def later():
    import docker, importlib
    importlib.import_module("ray")
    __import__("torch")
"""
    assert set(imported_names(source, "search.a.b", is_package=False)) == {
        "mlflow.keras", "optuna.samplers", "search.a.near", "search.far.thing", "docker", "importlib", "ray", "torch",
    }  # fmt: skip
    assert set(imported_names("from . import near", "search.a", is_package=True)) == {"search.a.near"}


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("trainer")))
def test_trainer_knows_no_service_and_no_search(module: str) -> None:
    assert roots(module) & (SERVICES | {"search"}) == set()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("search")))
def test_search_knows_no_keras(module: str) -> None:
    assert roots(module) & ROOTS_OF_KERAS == set()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("search.executor")))
def test_an_executor_knows_no_study(module: str) -> None:
    assert roots(module) & {"optuna", "mlflow", "sqlalchemy"} == set()
    studies = re.compile(r"search\.(study|folder|stores|controller|console|figures|answer|session|run)\b")
    assert [name for name in IMPORTS[module] if studies.match(name)] == []


@pytest.mark.parametrize("service", ["mlflow", "docker", "ray"])
def test_a_service_is_imported_in_one_module(service: str) -> None:
    users = sorted(module for module in MODULES if service in roots(module))
    assert len(users) <= 1, f"{service} is imported by {', '.join(users)}"
    if service == "mlflow" and "search.run" in MODULES:
        assert len(users) == 1, "nothing records to MLflow"


def test_imports_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for module, names in IMPORTS.items():
        targets = {name if name in MODULES else name.rpartition(".")[0] for name in names}
        graph[module] = targets & MODULES.keys() - {module}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.match(r"[\w.-]+", line)[0].lower() for lines in lists for line in lines}
    packages = importlib.metadata.packages_distributions()
    undeclared = {}
    for module in MODULES:
        for root in roots(module) - set(sys.stdlib_module_names) - {"search", "trainer"} - UNDECLARED:
            brought_by = {name.lower() for name in packages.get(root, [root])}
            if not brought_by & declared:
                undeclared.setdefault(root, []).append(module)
    assert undeclared == {}, "not in pyproject.toml"


def loaded_by(modules: list[str], watched: set[str]) -> dict[str, list[str]]:
    """Imports modules in a fresh interpreter, one after another: which watched packages each was the first to load."""
    program = """
import importlib, json, sys
modules, watched = json.loads(sys.argv[1])
found, seen = {}, set()
for module in modules:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name in ("ray", "kagglehub"):  # extras
            continue
        raise
    if new := (set(watched) & sys.modules.keys()) - seen:
        found[module] = sorted(new)
        seen |= new
print(json.dumps(found))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, json.dumps([modules, sorted(watched)])],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


def _importable(package: str) -> list[str]:
    return sorted(name for name in MODULES if name.split(".")[0] == package and not name.endswith("__main__"))


def test_search_loads_no_keras_for_real() -> None:
    assert loaded_by(_importable("search"), ROOTS_OF_KERAS) == {}


def test_config_events_and_data_load_no_keras_for_real() -> None:
    light = ("trainer.config", "trainer.events", "trainer.errors", "trainer.data")
    modules = [name for name in _importable("trainer") if name.startswith(light)]
    assert loaded_by(modules, ROOTS_OF_KERAS) == {}


def test_trainer_loads_no_service_for_real() -> None:
    assert loaded_by(_importable("trainer"), SERVICES) == {}
