"""Who imports whom in a checkout, read from the source: at the top of a module, inside a function, through others."""

from __future__ import annotations

import ast
import functools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are run when a module is imported: none inside a function, none for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                pass
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                yield from _at_import(ast.Module(node.orelse, []))
            case _:
                yield node
                yield from _at_import(node)


def imported_names(source: str, module: str, is_package: bool, *, at_import: bool = False) -> Iterator[str]:
    """Every module that the source imports, at its top or inside a function, with what `from` takes of it.

    Args:
        source: of the module.
        module: its name.
        is_package: whether it is a package's `__init__`.
        at_import: only what is imported when the module is, not later in a function.
    """
    tree = ast.parse(source)
    for node in _at_import(tree) if at_import else ast.walk(tree):
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


@dataclass
class Graph:
    """The imports of a checkout.

    Attributes:
        files: of the modules, by name.
        names: what each module imports, as written.
        names_at_import: those of them that are imported with the module, not later in a function.
        edges: the modules of the checkout among them; a module of a package imports the package too.
    """

    files: dict[str, Path]
    names: dict[str, set[str]] = field(default_factory=dict)
    names_at_import: dict[str, set[str]] = field(default_factory=dict)
    edges: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, packages: Iterable[str] = ("search", "trainer")) -> Graph:
        """The graph of these packages in a checkout."""
        files = {_name(path, root): path for package in packages for path in (root / package).rglob("*.py")}
        graph = cls(files)
        for name, path in files.items():
            names, at_import = _names(path.read_text(encoding="utf-8"), name, path.name == "__init__.py")
            graph.names[name], graph.names_at_import[name] = set(names), set(at_import)
            graph.edges[name] = graph._targets(name, names)
        return graph

    def _targets(self, module: str, names: Iterable[str]) -> set[str]:
        return {target for used in names for target in self._loaded_by(used)} - {module}

    def _loaded_by(self, used: str) -> Iterator[str]:
        """The modules of the checkout that the import of a name runs: itself or its module, and the packages above.

        Not the uppermost package: `search` is the door to all that is in it, so that whoever imports anything in there
        would reach everything. That the door stays light is tested by importing it.
        """
        parts = used.split(".")
        for length in range(min(2, len(parts)), len(parts) + 1):
            if (part := ".".join(parts[:length])) in self.files:
                yield part

    def modules(self, pattern: str) -> list[str]:
        """Those whose whole name matches, sorted."""
        return sorted(name for name in self.files if re.fullmatch(pattern, name))

    def roots(self, module: str) -> set[str]:
        """The packages that a module itself imports from."""
        return {name.partition(".")[0] for name in self.names[module]}

    def chain_to(self, start: str, packages: set[str], *, later: str = ".*") -> list[str]:
        """The shortest chain of imports from a module to one of these packages of others; empty where there is none.

        Args:
            start: the module.
            packages: of others.
            later: a pattern of the modules whose imports inside functions count too.
        """
        waiting, seen = deque([[start]]), {start}
        while waiting:
            chain = waiting.popleft()
            module = chain[-1]
            names = self.names[module] if re.fullmatch(later, module) else self.names_at_import[module]
            if found := sorted({name.partition(".")[0] for name in names} & packages):
                return [*chain, found[0]]
            for target in sorted(self._targets(module, names) - seen):
                seen.add(target)
                waiting.append([*chain, target])
        return []

    def reached(self, start: str) -> set[str]:
        """Every module of the checkout that a module imports, through others too."""
        seen, waiting = {start}, [start]
        while waiting:
            new = self.edges[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen - {start}


@functools.cache
def _names(source: str, module: str, is_package: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All, and those that are imported with the module."""
    names = imported_names(source, module, is_package)
    return tuple(names), tuple(imported_names(source, module, is_package, at_import=True))


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
