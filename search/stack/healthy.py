"""Ends with status 0 where an address answers with 200: the services' health checks.

python -m search.stack.healthy URL
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

from search.stack.access import PASSWORD, authorization

TIMEOUT_S = 8


def healthy(url: str) -> bool:
    """Whether it does; says on stderr why not."""
    if wrong := problem(url):
        print(wrong, file=sys.stderr)
    return not wrong


def problem(url: str) -> str:
    """Why an address does not answer; empty where it does.

    It is asked with the login of the pages, where this container has it, and through no proxy: the service is this
    container itself.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"Authorization": authorization(PASSWORD.read_text())} if PASSWORD.exists() else {}
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as response:
            return "" if response.status == 200 else f"{url}: status {response.status}"
    except (OSError, urllib.error.URLError) as error:
        return f"{url}: {error}"


if __name__ == "__main__":
    sys.exit(not healthy(sys.argv[1]))
