"""The `ray` executor: a slot is a trainer on a node of a Ray cluster, wherever Ray has room for it.

executor.py        the executor
slot.py            a slot: an actor's answers, read by a thread
driver.py          Ray's driver, which is a process of its own
driver_process.py  that process
cluster.py         the one module that imports Ray
relay.py           the actor: owns a trainer on a node
look.py            what the nodes have, and what is wrong with them
"""

from search.executors.ray.executor import RayExecutor

__all__ = ["RayExecutor"]
