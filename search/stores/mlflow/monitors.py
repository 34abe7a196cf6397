"""MLflow's monitors of the machine, read together."""

# MLflow's monitors carry no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import contextlib

import psutil
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor


class Monitors:
    """MLflow's system monitors, read together. Without an NVIDIA GPU that answers there are no GPU metrics."""

    def __init__(self) -> None:
        self._monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        with contextlib.suppress(Exception):  # no NVML, no driver, no GPU
            self._monitors.append(GPUMonitor())
        psutil.cpu_percent()  # from here on: a reading is the mean since the one before

    def read(self) -> dict[str, float]:
        """Takes one reading; its keys are MLflow's names."""
        values: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            values |= {f"system/{key}": float(value) for key, value in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return values
