"""The fingerprint of a folder of images without decoding them: whether two machines have the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainer.data.digest import content_digest, digest_of
from trainer.data.index import scan


def folder_fingerprint(root: Path) -> str:
    """Of the names and the contents of all files, 16 hexadecimal digits.

    That of `Dataset.fingerprint`, as long as every file is a good image: bad ones count here.

    Raises:
        DataError: the folder cannot be used.
    """
    index = scan(root)

    def content(name: str) -> str:
        with open(root / name, "rb") as file:
            return content_digest(file)

    with ThreadPoolExecutor() as pool:
        contents = list(pool.map(content, index.files))
    return digest_of(list(zip(index.files, contents, strict=True)))[:16]
