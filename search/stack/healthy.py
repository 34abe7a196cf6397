"""Ends with status 0 where an address answers with 200: the services' health checks.

python -m search.stack.healthy URL
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIMEOUT_S = 8


def healthy(url: str) -> bool:
    """Whether it does. No proxy is asked: the service is this container itself."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return False


if __name__ == "__main__":
    sys.exit(not healthy(sys.argv[1]))
