"""The example for KubeRay: what can be said of it without a Kubernetes cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.run import parser

EXAMPLE = Path(__file__).resolve().parent.parent / "studies" / "examples" / "kuberay"
CONSTRAINTS = EXAMPLE.parents[2] / ".ci" / "constraints.txt"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    document = yaml.safe_load((EXAMPLE / "raycluster.yaml").read_text())
    assert (document["apiVersion"], document["kind"]) == ("ray.io/v1", "RayCluster")
    found: dict[str, Any] = document["spec"]
    return found


def pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The pod of the head, then those of workers."""
    return [group["template"]["spec"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]


def test_every_node_has_the_ray_that_the_constraints_have(spec: dict[str, Any]) -> None:
    pinned = re.search(r"^ray==(\S+)", CONSTRAINTS.read_text(), flags=re.MULTILINE)
    assert pinned
    assert spec["rayVersion"] == pinned[1]
    assert f"FROM rayproject/ray:{pinned[1]}-py3" in (EXAMPLE / "Dockerfile").read_text()
    assert len({pod["containers"][0]["image"] for pod in pods(spec)}) == 1


def test_images_are_at_one_path_on_every_node_and_read_only(spec: dict[str, Any]) -> None:
    for pod in pods(spec):
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
        assert (mounts["images"]["mountPath"], mounts["images"]["readOnly"]) == ("/data/blood-cells", True)


def test_the_head_trains_nothing_and_alone_has_what_studies_write(spec: dict[str, Any]) -> None:
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    runs = [mount["mountPath"] for pod in pods(spec) for mount in pod["containers"][0]["volumeMounts"]]
    assert runs.count("/runs") == 1
    assert any(mount["mountPath"] == "/runs" for mount in pods(spec)[0]["containers"][0]["volumeMounts"])


def test_the_command_of_the_page_is_one(spec: dict[str, Any]) -> None:
    page = (EXAMPLE / "README.md").read_text()
    command = re.search(r"python -m search\.run (.*)", page)
    assert command
    args = parser().parse_args(command[1].split())
    assert (args.executor, args.data, args.runs) == ("ray", "/data/blood-cells", "/runs")
    assert "were not run on a Kubernetes cluster" in page
