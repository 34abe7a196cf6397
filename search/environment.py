"""What a command works with: the stack of docker-compose.yml where it is up, and the executor that suits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from search.errors import SettingsError
from search.executors import (
    DockerExecutor,
    Executor,
    HostSettings,
    LocalExecutor,
    Order,
    Resources,
    TrainerSource,
    make_executor,
)
from search.settings import STORAGE, TRACKING, Places
from search.stores.addresses import check_addresses, check_names


@dataclass(frozen=True)
class Environment:
    """The places of a run and its executor.

    Attributes:
        places: the stores.
        executor: its name.
        why: a sentence for the user.
        image: of the trainers, for the docker executor.
        hosts: the machines, for the hosts executor.
        ray_address: of the cluster, for the ray executor.
    """

    places: Places
    executor: str
    why: str
    image: str
    hosts: tuple[HostSettings, ...] = ()
    ray_address: str = "auto"

    def make(self, resources: Resources, study: str = "study") -> Callable[[TrainerSource, Path], Executor]:
        """Makes the executor, for a study of this name."""

        def make(source: TrainerSource, logs: Path) -> Executor:
            order = Order(source, logs, resources, study, self.image, self.hosts, self.ray_address)
            return make_executor(self.executor, order)

        return make


def choose(places: Places, wanted: str | None = None, *, stack: bool = True, given: tuple[bool, bool]) -> Environment:
    """Chooses the databases and the executor of a run.

    Args:
        places: from flags and the environment.
        wanted: the executor that was asked for, if any.
        stack: whether a running stack may be used.
        given: whether Optuna's storage and MLflow's store were named by a flag or a variable.

    Raises:
        SearchError: the stack is up in part, or `wanted` cannot be used.
    """
    from search.engine import Engine, EngineError  # 0.2 s
    from search.stack.found import find_stack, project_name, trainer_image

    local, docker = LocalExecutor.name, DockerExecutor.name
    image = trainer_image(project_name()) if stack or wanted == docker else ""  # which .env may name
    if not stack:
        return Environment(places, wanted or local, "as given" if wanted else "--no-stack", image)
    try:
        engine = Engine()
    except EngineError as error:
        if wanted == docker:
            raise
        return Environment(places, local, "as given" if wanted else f"no containers: {error.problem}", image)
    try:
        found = find_stack(engine)
        there = engine.image(image) is not None
    finally:
        engine.close()
    if found is not None:
        places = replace(
            places,
            storage_url=places.storage_url if given[0] else found.storage_url,
            tracking_uri=places.tracking_uri if given[1] else found.tracking_uri,
            dashboard_url=places.dashboard_url or (None if given[0] else found.dashboard_url),
        )
    if wanted:
        return Environment(places, wanted, "as given", image)
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if found is None:
        return Environment(places, local, "the stack of docker-compose.yml is not up", image)
    if not there:
        return Environment(places, local, f"the stack is up, its image {image} is not there", image)
    if backend != "tensorflow":
        return Environment(places, local, f"KERAS_BACKEND is {backend}, the stack's trainers have TensorFlow", image)
    return Environment(places, docker, f"the stack {found.project} is up", image)


def chosen(
    runs: str | None,
    storage_url: str | None,
    tracking_uri: str | None,
    wanted: str | None = None,
    *,
    stack: bool = True,
) -> Environment:
    """`choose`, from the flags of a command."""
    given = (bool(storage_url or os.environ.get(STORAGE)), bool(tracking_uri or os.environ.get(TRACKING)))
    places = Places.of(runs, storage_url, tracking_uri)
    tracking_by = "--tracking-uri" if tracking_uri else f"${TRACKING}"
    check_addresses(places, "--storage-url" if storage_url else f"${STORAGE}", tracking_by)
    environment = choose(places, wanted, stack=stack, given=given)
    check_names(environment.places, tracking_by)
    return environment


def gpus_of(text: str | None) -> tuple[int, ...] | None:
    """`--gpus`: None for `all` and where it is not given.

    Raises:
        SettingsError: it is neither `all`, nor `none`, nor a list of indexes.
    """
    if text is None or text == "all":
        return None
    if text == "none":
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts) or len(set(parts)) < len(parts):
        raise SettingsError(f"--gpus {text}: allowed are all, none, or indexes as 0,2")
    return tuple(int(part) for part in parts)
