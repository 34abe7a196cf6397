"""Looks at the nodes of a cluster before anything is started: what they have, and what is wrong with them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from search.executors._base import TrainerSource
from search.executors._host_settings import HostSettings
from search.executors.hosts.look import PACKAGES, Found, packages_to_install
from search.executors.ray.cluster import Node
from search.executors.ray.driver import Driver
from trainer.fingerprint import code_fingerprint


def look_at_nodes(
    cluster: Driver, nodes: list[Node], source: TrainerSource, cache: str, program: str | None
) -> list[Found]:
    """What nodes have, with what is wrong with each.

    Args:
        cluster: theirs.
        nodes: to be looked at.
        source: folders of this machine. The images must be at the same path on every node, on a disk that they share
            or copied; the demo set is drawn there.
        cache: the folder of decoded images on a node.
        program: a command in the place of the trainer's; tests give one. Keras is not looked for then.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    packages = {} if program else {**PACKAGES, backend: backend}
    data = data_on_nodes(source)
    asked = {
        "data": None if data == "demo" else data,
        "cache": cache,
        "packages": list(packages),
        "programs": [program] if program else [],
        "code": code_fingerprint(),
    }
    told = cluster.look(nodes, asked)
    return [_found(node, said, packages, backend, data) for node, said in zip(nodes, told, strict=True)]


def data_on_nodes(source: TrainerSource) -> str:
    """The folder of images on a node: as here, or `demo`."""
    return "demo" if source.data == source.cache / "demo" else str(source.data)


def _found(node: Node, said: dict[str, Any], packages: dict[str, str], backend: str, data: str) -> Found:
    host = HostSettings.model_construct(name=node.name, prefix=())
    found = Found.of(host, said, backend, data)
    problems = [f"The trainer cannot be started: {name} is not there." for name in said["no_programs"]]
    missing = [package for name, package in packages.items() if said["packages"][name] is None]
    if missing:
        command = packages_to_install(said["executable"], missing)
        problems.append(f"Ray's Python there has no {', '.join(missing)}. Install them there: {command}")
    if said["cache_refused"]:
        problems.append(f"the cache {said['cache']} there cannot be written: {said['cache_refused']}")
    if not said["has_data"]:
        problems.append(
            f"there is no folder {data}. Put the images at this path, on a disk that all nodes share, or copy them: "
            f"rsync -a {data}/ {node.name}:{data}/"
        )
    return replace(found, problems=tuple(problems))
