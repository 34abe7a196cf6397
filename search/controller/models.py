"""Models that come by a slot's pipe, in parts: only what is whole, and of the attempt that counts, becomes a file."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path

from search.errors import StorageError
from trainer.events import Model


class IncomingModel:
    """The model of one attempt at a trial, on its way into the study's folder of models.

    Its parts are kept in `.NAME.partial.keras`, which is no model to anybody, until `accept`.

    Args:
        folder: of the study's models.
        trial: the label of the trial; the file is named by it.
    """

    def __init__(self, folder: Path, trial: str) -> None:
        self._folder, self._name = folder, f"{trial}.keras"
        self._partial = folder / f".{trial}.partial.keras"
        self._parts, self._size = 0, 0
        self._digest = hashlib.sha256()
        self._last: Model | None = None
        self.problem = ""

    def add(self, part: Model) -> None:
        """Takes the next part.

        Raises:
            StorageError: the disk refuses.
        """
        if part.file != self._name or part.part != self._parts:
            self.problem = self.problem or f"part {part.part} of {part.file} came in the place of {self._parts}"
            return
        try:
            content = base64.b64decode(part.data, validate=True)
        except binascii.Error as error:
            self.problem = f"part {part.part} is damaged: {error}"
            return
        self._parts, self._size, self._last = self._parts + 1, self._size + len(content), part
        self._digest.update(content)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(self._partial, "wb" if part.part == 0 else "ab") as file:
                file.write(content)
                if self._parts == part.parts:
                    os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"{self._partial}: the model cannot be saved: {error.strerror or error}") from None

    def accept(self) -> str:
        """Makes the file of what came; a sentence where it is not what was sent, and no file is made.

        Raises:
            StorageError: the disk refuses.
        """
        last = self._last
        if not self.problem and last is not None:
            found, sent = (self._size, self._digest.hexdigest()), (last.size, last.sha256)
            if found == sent:
                try:
                    self._partial.replace(self._folder / self._name)
                except OSError as error:
                    raise StorageError(f"{self._folder}: the model cannot be saved: {error.strerror}") from None
                return ""
            self.problem = f"{found[0]} bytes of {sent[0]} came, SHA-256 {found[1][:16]} and not {sent[1][:16]}"
        self.drop()
        return self.problem or "no part of it came"

    def drop(self) -> None:
        """Removes the parts that have come."""
        self._partial.unlink(missing_ok=True)
