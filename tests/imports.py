"""Who imports whom in a checkout, read from the source: at the top of a module, inside a function, through others."""

from __future__ import annotations

import ast
import functools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


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


@dataclass
class Graph:
    """The imports of a checkout.

    Attributes:
        files: of the modules, by name.
        names: what each module imports, as written.
        edges: the modules of the checkout among them; a module of a package imports the package too.
    """

    files: dict[str, Path]
    names: dict[str, set[str]] = field(default_factory=dict)
    edges: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, packages: Iterable[str] = ("search", "trainer")) -> Graph:
        """The graph of these packages in a checkout."""
        files = {_name(path, root): path for package in packages for path in (root / package).rglob("*.py")}
        graph = cls(files)
        for name, path in files.items():
            names = set(_names(path.read_text(encoding="utf-8"), name, path.name == "__init__.py"))
            graph.names[name] = names
            graph.edges[name] = {target for used in names for target in graph._loaded_by(used)} - {name}
        return graph

    def _loaded_by(self, used: str) -> Iterator[str]:
        """The modules of the checkout that the import of a name runs: itself or its module, and the packages above."""
        parts = used.split(".")
        for length in range(1, len(parts) + 1):
            if (part := ".".join(parts[:length])) in self.files:
                yield part

    def modules(self, pattern: str) -> list[str]:
        """Those whose whole name matches, sorted."""
        return sorted(name for name in self.files if re.fullmatch(pattern, name))

    def roots(self, module: str) -> set[str]:
        """The packages that a module itself imports from."""
        return {name.partition(".")[0] for name in self.names[module]}

    def chain_to(self, start: str, packages: set[str]) -> list[str]:
        """The shortest chain of imports from a module to one of these packages of others; empty where there is none."""
        waiting, seen = deque([[start]]), {start}
        while waiting:
            chain = waiting.popleft()
            if found := sorted(self.roots(chain[-1]) & packages):
                return [*chain, found[0]]
            for target in sorted(self.edges[chain[-1]] - seen):
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
def _names(source: str, module: str, is_package: bool) -> tuple[str, ...]:
    return tuple(imported_names(source, module, is_package))


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
