"""Writes .ci/constraints-hashes.txt: what `make setup` installs, in the versions of .ci/constraints.txt, with the
SHA-256 of every file that the index has of each.

    make hashes                                                        (needs `uv`: pipx install uv)
    pip install --require-hashes -r .ci/constraints-hashes.txt         then: pip install --no-deps --editable .

Hashes are asked from the index that pip is configured for; neither file names it. Nothing is installed.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("search", "trainer", "test")  # as .ci/setup, on a machine without a GPU
PART = ROOT / ".ci" / "constraints-hashes.txt.part"
OLDEST = "3.11"  # of the Pythons that the project runs on; environment markers tell the others apart


def main(arguments: list[str]) -> None:
    """Has uv write the file."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--constraint", ".ci/constraints.txt", "--universal"]
    command += [part for extra in EXTRAS for part in ("--extra", extra)]
    command += ["--python-version", OLDEST, "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--quiet", "--output-file", str(PART), *arguments]
    PART.unlink(missing_ok=True)  # uv keeps the versions that stand in a file that is there
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip()  # uv reads no pip.conf
    environment = {**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ}
    try:
        status = subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode
    except FileNotFoundError:
        sys.exit("make hashes: needs uv, which is not there: pipx install uv")
    if status == 0:
        PART.replace(ROOT / ".ci" / "constraints-hashes.txt")
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
