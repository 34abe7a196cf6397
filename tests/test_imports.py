"""Who may import whom, through others and inside functions too; and seen again in a real interpreter.

The rules keep the controller quick to start, the trainer free of secrets, and each foreign service behind one package.
"""

from __future__ import annotations

import graphlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.imports import Graph, imported_names

ROOT = Path(__file__).resolve().parent.parent
ROOTS_OF_KERAS = {"tensorflow", "keras", "jax", "torch"}
SERVICES = {"optuna", "optuna_dashboard", "mlflow", "sqlalchemy", "alembic", "psycopg2", "docker", "ray"}
UNDECLARED = {"jax", "torch", "pydantic_core"}  # Keras backends that the user brings; a part of pydantic
# Each foreign package, and the only packages of ours that import it.
BEHIND = {
    "docker": ("search.engine",),
    "mlflow": ("search.stores.mlflow", "search.stack.tracking"),
    "optuna_dashboard": ("search.stores.optuna", "search.stack"),
    "ray": ("search.executors.ray.cluster",),
}
MOST_LINES = 300
GRAPH = Graph.of(ROOT)

Rule = Callable[[Graph], list[str]]


def chains(graph: Graph, pattern: str, packages: set[str], later: str = ".*") -> list[str]:
    """Of each module that reaches one of these packages, how it does. `later` as of `Graph.chain_to`."""
    found = [graph.chain_to(module, packages, later=later) for module in graph.modules(pattern)]
    return [" -> ".join(chain) for chain in found if chain]


def reaching(graph: Graph, pattern: str, forbidden: str) -> list[str]:
    """Modules that match the pattern, and what they reach that they must not."""
    return [
        f"{module} reaches {target}"
        for module in graph.modules(pattern)
        for target in sorted(graph.reached(module))
        if re.fullmatch(forbidden, target)
    ]


def trainer_knows_no_service(graph: Graph) -> list[str]:
    return chains(graph, r"trainer(\..*)?", SERVICES | {"search"})


def search_knows_no_keras(graph: Graph) -> list[str]:
    """What builds a layer stands in the trainer's tables and imports Keras when it is called, in a trainer alone."""
    return chains(graph, r"search(\..*)?", ROOTS_OF_KERAS, later=r"search\b.*")


def an_executor_knows_no_study(graph: Graph) -> list[str]:
    above = r"search\.(study|folder|stores|controller|console|figures|answer|pages|commands|environment|run)(\..*)?"
    return [
        *chains(graph, r"search\.executors(\..*)?", {"optuna", "mlflow", "sqlalchemy"}),
        *reaching(graph, r"search\.executors(\..*)?", above),
    ]


def a_study_is_pure(graph: Graph) -> list[str]:
    """What builds a sampler or a pruner imports Optuna when it is called, by the store."""
    above = r"search\.(folder|stores|executors|engine|controller|console|figures|answer|pages|settings)(\..*)?"
    return [
        *chains(graph, r"search\.study(\..*)?", SERVICES, later=r"(?!search\.study\.(samplers|pruners)$).*"),
        *reaching(graph, r"search\.study(\..*)?", above),
    ]


def a_folder_knows_no_store(graph: Graph) -> list[str]:
    above = r"search\.(stores|executors|engine|controller|console|figures|answer|pages)(\..*)?"
    return reaching(graph, r"search\.folder(\..*)?", above)


def a_service_is_behind_one_package(graph: Graph) -> list[str]:
    return [
        f"{module} imports {service}"
        for service, packages in BEHIND.items()
        for module in graph.files
        if service in graph.roots(module) and not module.startswith(packages)
    ]


def packages_form_no_cycle(graph: Graph) -> list[str]:
    """Those of the search; `search.answer.levels` counts as search.answer, and `search.run` as itself."""

    def package(module: str) -> str:
        parts = module.split(".")
        return ".".join(parts[:2])

    edges: dict[str, set[str]] = {}
    for module in graph.modules(r"search\..*"):
        inside = {package(target) for target in graph.edges[module] if target.startswith("search.")}
        edges.setdefault(package(module), set()).update(inside - {package(module)})
    return cycle_of(edges)


def modules_form_no_cycle(graph: Graph) -> list[str]:
    """A package's `__init__`, which every import of its modules runs, aside."""
    modules = {name: targets for name, targets in graph.edges.items() if graph.files[name].name != "__init__.py"}
    return cycle_of({name: targets & modules.keys() for name, targets in modules.items()})


def cycle_of(edges: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def no_private_name_crosses_packages(graph: Graph) -> list[str]:
    found = []
    for module, names in graph.names.items():
        for name in names:
            *above, last = name.split(".")
            private = [".".join(above[:place]) for place, part in enumerate(above) if part.startswith("_")]
            private += [".".join(above)] if last.startswith("_") and not last.startswith("__") else []
            for owner in private:
                # a private module is its package's, a private name is its module's and its package's
                package = (
                    owner
                    if owner not in graph.files or graph.files[owner].name == "__init__.py"
                    else (owner.rpartition(".")[0])
                )
                if owner.split(".")[0] in ("search", "trainer") and not f"{module}.".startswith(f"{package}."):
                    found.append(f"{module} imports {name}")
    return sorted(set(found))


def no_file_is_long(graph: Graph) -> list[str]:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in graph.files.values()}
    return [f"{path} has {length} lines" for path, length in lengths.items() if length > MOST_LINES]


RULES: list[Rule] = [
    trainer_knows_no_service,
    search_knows_no_keras,
    an_executor_knows_no_study,
    a_study_is_pure,
    a_folder_knows_no_store,
    a_service_is_behind_one_package,
    packages_form_no_cycle,
    modules_form_no_cycle,
    no_private_name_crosses_packages,
    no_file_is_long,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_holds(rule: Rule) -> None:
    assert rule(GRAPH) == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that may be broken, and is mended then."""
    folder = tmp_path_factory.mktemp("copy")
    for package in ("search", "trainer"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


LATER = "\n\ndef later() -> None:\n    "  # an import inside a function


@pytest.mark.parametrize(
    ("rule", "file", "added"),
    [
        (trainer_knows_no_service, "trainer/config.py", "import optuna"),
        (trainer_knows_no_service, "trainer/data/index.py", f"{LATER}import search.errors"),
        (search_knows_no_keras, "search/answer/levels.py", f"{LATER}from tensorflow import keras"),
        (search_knows_no_keras, "trainer/events.py", "import keras"),  # which all of the search imports
        (search_knows_no_keras, "search/text.py", f"{LATER}import importlib; importlib.import_module('torch')"),
        (an_executor_knows_no_study, "search/executors/_kernel.py", "from search.study import Study"),
        (an_executor_knows_no_study, "search/executors/_kernel.py", f"{LATER}import search.folder.journal"),
        (an_executor_knows_no_study, "search/executors/_kernel.py", "import mlflow"),
        (an_executor_knows_no_study, "search/engine/address.py", "from search.stores import outbox"),  # through others
        (a_study_is_pure, "search/study/space.py", f"{LATER}from search.folder import record"),
        (a_study_is_pure, "search/study/space.py", "import sqlalchemy"),
        (a_folder_knows_no_store, "search/folder/record.py", f"{LATER}from search.stores.optuna import names_in"),
        (a_folder_knows_no_store, "search/text.py", "import search.console.callbacks"),
        (a_service_is_behind_one_package, "search/run.py", f"{LATER}from mlflow import MlflowClient"),
        (a_service_is_behind_one_package, "search/stack/found.py", "import docker"),
        (a_service_is_behind_one_package, "search/executors/ray/slot.py", f"{LATER}import ray"),
        (packages_form_no_cycle, "search/answer/levels.py", f"{LATER}from search.figures import style"),
        (modules_form_no_cycle, "search/study/space.py", f"{LATER}from search.study.design import plan"),
        (no_private_name_crosses_packages, "search/run.py", "from search.executors._local import LocalExecutor"),
        (no_private_name_crosses_packages, "search/run.py", "from search.folder.names import _numbered"),
        (no_file_is_long, "search/text.py", "\n" * MOST_LINES),
    ],
)
def test_the_rule_fails_where_it_is_broken(copy: Path, rule: Rule, file: str, added: str) -> None:
    path = copy / file
    path.write_text(f"{(ROOT / file).read_text()}\n{added}\n")
    try:
        assert rule(Graph.of(copy)) != []
    finally:
        path.write_text((ROOT / file).read_text())
    assert rule(Graph.of(copy)) == []


def test_every_rule_is_broken_once() -> None:
    (mark,) = [mark for mark in test_the_rule_fails_where_it_is_broken.pytestmark if mark.name == "parametrize"]
    assert {case[0] for case in mark.args[1]} == set(RULES)


def test_the_reader_of_imports_sees_every_form() -> None:
    source = """
import mlflow.keras
from optuna import samplers
from . import near
from ..far import thing
if TYPE_CHECKING:
    import keras
def later():
    import docker, importlib
    importlib.import_module("ray")
    __import__("torch")
"""
    assert set(imported_names(source, "search.a.b", is_package=False)) == {
        "mlflow.keras", "optuna.samplers", "search.a.near", "search.far.thing", "docker", "importlib", "ray", "torch",
        "keras",
    }  # fmt: skip
    assert set(imported_names("from . import near", "search.a", is_package=True)) == {"search.a.near"}
    assert set(imported_names(source, "search.a.b", is_package=False, at_import=True)) == {
        "mlflow.keras", "optuna.samplers", "search.a.near", "search.far.thing",
    }  # fmt: skip


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.match(r"[\w.-]+", line)[0].lower() for lines in lists for line in lines}
    packages = importlib.metadata.packages_distributions()
    undeclared = {}
    for module in GRAPH.files:
        for root in GRAPH.roots(module) - set(sys.stdlib_module_names) - {"search", "trainer"} - UNDECLARED:
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
    return sorted(name for name in GRAPH.files if name.split(".")[0] == package and not name.endswith("__main__"))


def test_search_loads_no_keras_for_real() -> None:
    assert loaded_by(_importable("search"), ROOTS_OF_KERAS) == {}


def test_the_controller_loads_nothing_large_that_others_can_do_for_real() -> None:
    """OpenCV finds photographs, and matplotlib draws, in processes that end; SciPy's distributions are 44 MiB."""
    modules = ["search.controller.session", "search.pages.publish", "search.stores.mlflow.store", "search.answer"]
    assert loaded_by(modules, {"cv2", "matplotlib", "scipy.stats"}) == {}


def test_config_events_and_data_load_no_keras_for_real() -> None:
    light = ("trainer.config", "trainer.events", "trainer.errors", "trainer.data")
    modules = [name for name in _importable("trainer") if name.startswith(light)]
    assert loaded_by(modules, ROOTS_OF_KERAS) == {}


def test_trainer_loads_no_service_for_real() -> None:
    assert loaded_by(_importable("trainer"), SERVICES) == {}
