"""One folder of the project a stack: the one-shot service `same-folder`, without which nothing starts.

    python -m search.stack.folder MARK MOUNTED [--moved]

A stack is named after the folder of docker-compose.yml, so that a second clone in another folder has one of its own.
Two folders of one name would share one, and `docker compose down -v` in the one would delete what the other recorded.
So the volume `runs` remembers the folder that it was made from, by the path that the engine mounted it from.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
PROJECT = "COMPOSE_PROJECT_NAME"


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, or 1 where the stack is another folder's."""
    parser = argparse.ArgumentParser(prog="python -m search.stack.folder", description=__doc__)
    parser.add_argument("mark", type=Path, help="the file that remembers the folder")
    parser.add_argument("mounted", help="where the folder is mounted in this container")
    parser.add_argument("--moved", action="store_true", help="the folder was moved or renamed: remember this one")
    options = parser.parse_args(argv)
    here = source_of(options.mounted, MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    before = options.mark.read_text(encoding="utf-8") if options.mark.exists() else ""
    if before and before != here and not options.moved:
        print(refusal(os.environ.get(PROJECT, ""), before, here), file=sys.stderr)
        return 1
    part = options.mark.with_name(f"{options.mark.name}.part")
    part.write_text(here, encoding="utf-8")
    part.replace(options.mark)
    return 0


def source_of(mounted: str, mounts: str) -> str:
    """The path, on its own file system, of the folder that is mounted there.

    Args:
        mounted: the place in this container.
        mounts: /proc/self/mountinfo (proc_pid_mountinfo(5)): the fourth field is the path, the fifth the place.

    Raises:
        LookupError: nothing is mounted there.
    """
    for line in reversed(mounts.splitlines()):
        fields = line.split(" ")
        if fields[4] == mounted:
            return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[3])  # a space is \\040
    raise LookupError(f"{mounted}: nothing is mounted there")


def refusal(project: str, before: str, here: str) -> str:
    """Says what is wrong with the folder, and the two ways on."""
    return (
        f"The stack {project} belongs to another folder: it was made from {before}, and this is {here}. Two folders "
        "share no stack, as each would change and delete what the other recorded. Give this one a name and ports of "
        "its own in .env (COMPOSE_PROJECT_NAME, MLFLOW_PORT, DASHBOARD_PORT, POSTGRES_PORT; see .env.example). Where "
        "the folder was moved or renamed: docker compose run --rm same-folder --moved"
    )


if __name__ == "__main__":
    sys.exit(main())
