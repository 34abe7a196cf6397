"""A container to be made, as the SDK takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.types import DeviceRequest, LogConfig, Mount


@dataclass(frozen=True)
class Request:
    """A container to be made, with nothing that it does not need: no network, no capability, a read-only root.

    Attributes:
        image: its name or id.
        name: of the container.
        labels: by which it is found again.
        arguments: for the image's entry point.
        entrypoint: None for the image's own.
        environment: variables.
        user: `uid:gid`.
        readable: folders of this machine, seen at the same path.
        writable: likewise.
        gpus: their indexes; none: no device is asked for.
        memory_mib: the most that it may use.
        processes: the most that it may have, threads counted.
    """

    image: str
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()
    gpus: Sequence[int] = ()
    memory_mib: int | None = None
    processes: int = 4096

    def parameters(self, api: docker.APIClient) -> dict[str, Any]:
        """What the SDK's `create_container` takes."""
        mounts = [Mount(str(path), str(path), type="bind", read_only=True) for path in self.readable]
        mounts += [Mount(str(path), str(path), type="bind") for path in self.writable]
        devices = [str(gpu) for gpu in self.gpus]
        memory = f"{self.memory_mib}m" if self.memory_mib else None
        host = api.create_host_config(
            auto_remove=True,
            cap_drop=["ALL"],
            device_requests=[DeviceRequest(device_ids=devices, capabilities=[["gpu", "compute", "utility"]])]
            if devices
            else None,
            init=True,  # a program that is process 1 would ignore signals
            log_config=LogConfig(type=LogConfig.types.NONE),  # the executor writes the log; events are no log
            mem_limit=memory,
            memswap_limit=memory,
            mounts=mounts,
            network_mode="none",
            pids_limit=self.processes,
            read_only=True,
            security_opt=["no-new-privileges:true"],
            tmpfs={"/tmp": "size=1g,mode=1777"},
        )
        return {
            "image": self.image,
            "name": self.name,
            "labels": dict(self.labels),
            "command": list(self.arguments),
            "entrypoint": None if self.entrypoint is None else list(self.entrypoint),
            "environment": dict(self.environment),
            "user": self.user,
            "stdin_open": True,  # and closed for the container when the one who is attached goes (StdinOnce)
            "use_config_proxy": False,  # there is no network; proxies may have passwords
            "host_config": host,
        }
