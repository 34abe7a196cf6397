"""Machines over ssh, or behind another prefix such as srun; nothing of ours runs there but trainers.

executor.py    `HostsExecutor`: slots, dealt out over the machines
slot.py        a slot: a trainer there, at the end of a pipe that may be cut
look.py        what a machine has, and what is wrong with it
connection.py  commands there, and what ssh says where it cannot
there.py       what a machine's own Python does before the trainer is there; a program of the standard library
code.py        the trainer's code on its way
"""

from search.executors.hosts.connection import Connections, Refused
from search.executors.hosts.executor import HostsExecutor
from search.executors.hosts.look import Found, environment_for_looking, look_at_all

__all__ = ["Connections", "Found", "HostsExecutor", "Refused", "environment_for_looking", "look_at_all"]
