"""What is done on another machine by its own Python, before the trainer is there: a program of the standard library.

    python -c SOURCE look '{"data": ..., "cache": ..., "packages": [...], "programs": [...], "code": ...}'
    python -c SOURCE unpack FOLDER CODE < tar
    python -c SOURCE bring FOLDER < tar

`look` prints what is there as a line of JSON. `unpack` puts a package's files into the folder, whole or not at all;
`bring` does so with a study's own files, into a folder that is named after their contents.
It is written for Python 3.7 and later, so that an old one can say how old it is.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from typing import IO, Any


def look(asked: dict[str, Any]) -> dict[str, Any]:
    """Describes what is on this machine."""
    cache = os.path.expanduser(asked["cache"])
    data = os.path.expanduser(asked["data"]) if asked["data"] else None
    try:
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            refused = ""
    except OSError as error:
        refused = error.strerror or str(error)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "machine": os.uname().nodename,
        "python": list(sys.version_info[:3]),
        "executable": sys.executable,
        "cores": cores,
        "processor": _processor(),
        "gpus": _gpus(),
        "packages": {name: _version(name) for name in asked["packages"]},
        "no_programs": [name for name in asked["programs"] if shutil.which(name) is None],
        "data": data,
        "has_data": data is None or os.path.isdir(data),
        "cache": cache,
        "cache_refused": refused,
        "has_code": _fingerprint(os.path.join(cache, "code", asked["code"], "trainer")) == asked["code"],
    }


def _fingerprint(package: str) -> str:
    """As `trainer.fingerprint.code_fingerprint`."""
    names = [os.path.join(folder, name) for folder, _, names in os.walk(package) for name in names]
    found = sorted(os.path.relpath(name, package).split(os.sep) for name in names if name.endswith(".py"))
    digest = hashlib.sha256()
    for parts in found:
        with open(os.path.join(package, *parts), "rb") as file:
            content = file.read()
        digest.update("{}\0{}\0".format("/".join(parts), len(content)).encode() + content)
    return digest.hexdigest()[:16]


def _version(name: str) -> str | None:
    """Of a package, by the name that it is imported by; None where it is not there."""
    if importlib.util.find_spec(name) is None:
        return None
    try:
        from importlib import metadata

        return metadata.version(name)
    except Exception:  # it has another name for pip, or Python is older than 3.8
        return ""


def _gpus() -> list[str]:
    """Names of the GPUs, as nvidia-smi counts."""
    try:
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        told = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return told.stdout.decode().split("\n")[:-1] if told.returncode == 0 else []


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.uname().machine


def unpack(folder: str, code: str, content: IO[bytes]) -> None:
    """Puts the files of a tar into FOLDER/CODE, unless they are there."""
    if _fingerprint(os.path.join(folder, code, "trainer")) == code:
        return
    part = _unpacked(folder, code, content)
    try:
        target = os.path.join(folder, code)
        if os.path.isdir(target) and _fingerprint(os.path.join(target, "trainer")) != code:
            shutil.rmtree(target)  # somebody changed it
        try:
            os.rename(part, target)
        except OSError:  # another search was faster
            if _fingerprint(os.path.join(target, "trainer")) != code:
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def bring(target: str, content: IO[bytes]) -> None:
    """Puts the files of a tar into a folder that is named after them, unless it is there."""
    part = _unpacked(*os.path.split(target), content)
    try:
        os.rename(part, target)
    except OSError:  # they are there
        if not os.path.isdir(target):
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpacked(folder: str, name: str, content: IO[bytes]) -> str:
    """A new folder beside the one that is meant, with the files of a tar."""
    os.makedirs(folder, exist_ok=True)
    part = tempfile.mkdtemp(prefix="." + name, dir=folder)
    try:
        with tarfile.open(fileobj=content, mode="r|gz") as tar:
            for member in tar:
                source = tar.extractfile(member)
                if source and not os.path.isabs(member.name) and ".." not in member.name.split("/"):
                    target = os.path.join(part, member.name)
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    with open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
        os.chmod(part, 0o755)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return part


if __name__ == "__main__":
    if sys.argv[1] == "look":
        print(json.dumps(look(json.loads(sys.argv[2]))))
    elif sys.argv[1] == "bring":
        bring(sys.argv[2], sys.stdin.buffer)
    else:
        unpack(sys.argv[2], sys.argv[3], sys.stdin.buffer)
