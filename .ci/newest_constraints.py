"""Writes .ci/constraints.txt: the newest release of everything that pyproject.toml, with all its extras, needs.

    make constraints

Nothing is installed. Made with the oldest Python that the project runs on, because the newest release of a package may
have left that one behind. Try the list on the others too, each in a fresh checkout: `PYTHON=python3.13 make setup`.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def main() -> None:
    """Asks pip what it would install, and writes that down."""
    if sys.version_info[:2] != OLDEST:
        sys.exit(f"make constraints: needs .venv of Python {OLDEST[0]}.{OLDEST[1]}, found {sys.version.split()[0]}")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    # Only wheels: what builds from source needs a compiler that a fresh machine lacks.
    command += ["--only-binary", ":all:", "--no-binary", "blood-cell-search", f"{ROOT}[{','.join(extras)}]"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    lines = []
    for package in report["install"]:
        name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
        if name != "blood-cell-search":
            lines.append(f"{name}=={package['metadata']['version']}\n")
    (ROOT / ".ci" / "constraints.txt").write_text("".join(sorted(lines)))


if __name__ == "__main__":
    main()
