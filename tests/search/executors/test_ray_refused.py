"""What the ray executor refuses, and how it counts. Needs no Ray."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from search.commands import environment_of
from search.errors import ExecutorError, SettingsError
from search.executors import Order, RayExecutor, Resources, TrainerSource, make_executor
from search.executors.ray import cluster
from search.run import parser


@pytest.fixture
def source(tmp_path: Path) -> TrainerSource:
    return TrainerSource(tmp_path, tmp_path, tmp_path)


def test_without_ray_it_says_how_to_install_it(
    source: TrainerSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # `import ray` fails
    with RayExecutor(source, tmp_path) as executor, pytest.raises(ExecutorError) as refused:
        executor.check()
    assert str(refused.value) == "--executor ray: Ray is not installed. Install it: pip install 'ray>=2.60'"


def test_gpus_are_dealt_out_by_ray(source: TrainerSource, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--gpus 0,1: with --executor ray allowed are all and none; Ray deals"):
        RayExecutor(source, tmp_path, Resources(gpus=(0, 1)))


def test_rays_client_is_refused(source: TrainerSource, tmp_path: Path) -> None:
    order = Order(source, tmp_path, Resources(), "pooling", "", ray_address="ray://head:10001")
    with pytest.raises(SettingsError, match="--ray-address ray://head:10001: allowed: auto, or HOST:PORT"):
        make_executor("ray", order)


def test_shares_of_a_gpu_fit_into_one() -> None:
    """Ray counts ten-thousandths, and would round a sixth up."""
    assert cluster.ray_share(1 / 6) == 0.1666
    for trainers in range(1, 17):
        assert trainers * round(cluster.ray_share(1 / trainers) * 10_000) <= 10_000


def environment(*flags: str) -> Any:
    return environment_of(parser().parse_args(["--study", "pooling", "--no-stack", *flags]))


def test_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (environment("--executor", "ray").executor, environment("--executor", "ray").ray_address) == ("ray", "auto")
    found = environment("--ray-address", "head:6379")
    assert (found.executor, found.ray_address) == ("ray", "head:6379")
    with pytest.raises(SettingsError) as refused:
        environment("--ray-address", "head:6379", "--executor", "local")
    assert str(refused.value) == "--ray-address head:6379: goes with --executor ray, not with --executor local"
