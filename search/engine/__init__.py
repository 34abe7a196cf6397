"""The Docker engine, reduced to what the search needs of it. The only package of the project that imports docker.

The engine must be this machine's own: containers get folders of this machine, and the stack listens on 127.0.0.1.

engine.py    `Engine`: images, containers, files
request.py   a container to be made
attached.py  a running container and the pipe to it
address.py   where the engine is, and whether this user may use it
refusals.py  what an engine says when it cannot, in words that say what to do
"""

from search.engine.address import engine_address
from search.engine.attached import STDOUT, Attached
from search.engine.engine import Engine, FoundContainer, FoundImage
from search.engine.refusals import EngineError, explained
from search.engine.request import Request

__all__ = [
    "STDOUT",
    "Attached",
    "Engine",
    "EngineError",
    "FoundContainer",
    "FoundImage",
    "Request",
    "engine_address",
    "explained",
]
