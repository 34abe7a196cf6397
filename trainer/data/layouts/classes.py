"""A folder for each class and no splits: `<CLASS>/<image>` or `<CLASS>/<PATIENT>/<image>`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from trainer.data.layouts._base import Layout, Listing
from trainer.data.layouts._walk import class_folders, files_below, folders_below, told_by_folders, visible
from trainer.data.layouts.labels_csv import LabelsCsv
from trainer.data.layouts.splits import Splits


class Classes(Layout):
    """A folder for each class. No split is named, so images are split later, by photograph."""

    name: ClassVar[str] = "classes"
    allowed: ClassVar[str] = "a folder of images for each class"

    def detect(self, root: Path) -> bool:
        """Whether there is a file in a folder of `root`, and neither `root` nor a folder below has splits."""
        folders = [root / entry.name for entry in visible(root, "", []) if entry.is_dir()]
        with_files = any(next(files_below(folder, folder.name, []), None) for folder in folders)
        return with_files and not any(Splits().detect(folder) for folder in (root, *folders_below(root, 3)))

    def list(self, root: Path) -> Listing:
        """The images of all classes."""
        problems: list[str] = []
        names, rows = class_folders(root, "", "", problems)
        entries, told_by, notes = told_by_folders(rows)
        hint = ""
        if len(names) == 1 and (inner := _unpacked(root)) != root:
            hint = f" Did you mean {inner}?"
        notes.insert(0, "The folders name no splits: the images are split here.")
        return Listing(entries, {"": names}, {"": ""}, problems, notes, told_by, hint)


def _unpacked(root: Path) -> Path:
    """The first folder, from `root` down, that has a table or several folders; `root` where there is none."""
    folder = root
    while True:
        folders = [folder / entry.name for entry in visible(folder, "", []) if entry.is_dir()]
        if len(folders) > 1 or LabelsCsv().detect(folder):
            return folder
        if not folders or folders[0].is_symlink():
            return root
        folder = folders[0]
