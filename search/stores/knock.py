"""Whether there is somebody at the address of a server, found out in a second or two.

A client that was given no answer waits for its timeout, MLflow's half a minute and twice: too long between a server's
return and the first word to it.
"""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

PATIENCE_S = 2.0  # a connection across the world takes a third of a second
PORTS = {"http": 80, "https": 443}


def knock_at(uri: str) -> Callable[[], bool] | None:
    """What tells whether a server accepts connections; None of a database, or behind a proxy."""
    address = urlsplit(uri)
    host, scheme = address.hostname, address.scheme
    if scheme not in PORTS or host is None:
        return None
    if scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return None
    place = host, address.port or PORTS[scheme]

    def knock() -> bool:
        try:
            socket.create_connection(place, PATIENCE_S).close()
        except OSError:
            return False
        return True

    return knock
