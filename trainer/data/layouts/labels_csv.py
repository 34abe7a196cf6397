"""A table beside the images, `labels.csv`: file, label, and where they are known split, photograph and patient."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

from trainer.data.layouts._base import WORDS, Entry, Layout, Listing, Side, shown
from trainer.data.layouts._walk import File, files_below, is_image, visible
from trainer.data.layouts.splits import Splits
from trainer.data.table import TableError, header_of, read_table

TABLE = "labels.csv"
NEEDED, OPTIONAL = ("file", "label"), ("split", "photograph", "patient")
_BYTES_DETECTED = 4096  # of the table, enough for its first line


class LabelsCsv(Layout):
    """Images anywhere in a folder, and `labels.csv` that says what each of them is. `patient` wins as the unit."""

    name: ClassVar[str] = TABLE
    allowed: ClassVar[str] = "a labels.csv with the columns file and label"

    def detect(self, root: Path) -> bool:
        """Whether there is a table; one without the columns is no table where folders name the splits."""
        table = _table(root)
        if table is None:
            return False
        try:
            with table.open("rb") as file:
                header = header_of(file.read(_BYTES_DETECTED))
        except OSError:
            return not Splits().detect(root)
        return set(NEEDED) <= set(header) or not Splits().detect(root)

    def list(self, root: Path) -> Listing:
        """The images of the table."""
        table = _table(root)
        assert table is not None
        problems: list[str] = []
        rows = _read(table, problems)
        if problems:
            return Listing([], {}, {}, problems)
        return _Matching(root, table.name, problems).match(rows)


class _Row(NamedTuple):
    """A line of the table."""

    line: int
    file: str
    label: str
    split: str
    photograph: str
    patient: str


def _table(root: Path) -> Path | None:
    names = sorted(e.name for e in visible(root, "", []) if e.name.lower() == TABLE and not e.is_dir())
    return root / names[0] if names else None


def _read(table: Path, problems: list[str]) -> list[_Row]:
    try:
        header, lines = read_table(table.read_bytes())
    except OSError as error:
        problems.append(f"{table.name}: cannot be read ({error.strerror})")
        return []
    except TableError as error:
        problems.append(f"{table.name}, {error}")
        return []
    missing = [name for name in NEEDED if name not in header]
    if missing:
        found = ", ".join(map(shown, filter(None, header))) or "nothing"
        problems.append(
            f"{table.name}, line 1: no column {' and no column '.join(missing)} (found: {found}); "
            f"needed: {', '.join(NEEDED)}; allowed too: {', '.join(OPTIONAL)}. Rename the columns in its first line"
        )
        return []
    doubled = [name for name in (*NEEDED, *OPTIONAL) if header.count(name) > 1]
    if doubled:
        problems.append(f"{table.name}, line 1: more than one column {', '.join(doubled)}; keep one of each")
        return []
    places = {name: header.index(name) for name in (*NEEDED, *OPTIONAL) if name in header}
    rows = []
    for line, cells in lines:
        values = {n: cells[at].strip() if at < len(cells) else "" for n, at in places.items()}
        rows.append(_Row(line, *(values.get(name, "") for name in (*NEEDED, *OPTIONAL))))
    if not rows:
        problems.append(f"{table.name}: no rows below its first line; one for each image is needed")
    return rows


@dataclass
class _Matching:
    """Rows of the table to files of the folder."""

    root: Path
    table: str
    problems: list[str]
    files: dict[str, File] = field(default_factory=dict)
    by_name: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def match(self, rows: list[_Row]) -> Listing:
        """The listing, with every mistake in the problems."""
        for file in files_below(self.root, "", self.problems):
            self.files[file.path] = file
            name = file.path.rsplit("/", 1)[-1]
            for key in dict.fromkeys((name, name.lower(), name.lower().rpartition(".")[0])):
                self.by_name[key].append(file.path)
        has_splits, has_patients = any(row.split for row in rows), any(row.patient for row in rows)
        first: dict[str, _Row] = {}
        entries: list[Entry] = []
        for row in rows:
            path = self._path(row)
            side = self._side(row, has_splits)
            if not row.label:
                self._problem(row, f"{shown(row.file)} has no label; a class is needed")
            if path is None or side is None or not row.label:
                continue
            if path in first:
                self._compare(first[path], row)
                continue
            first[path] = row
            file = self.files[path]
            told = row.patient or (
                f"photograph {row.photograph}" if row.photograph and has_patients else row.photograph
            )
            entries.append(Entry(path, side, row.label, file.size, file.mtime_ns, told))
        named = {path for row in rows if (path := self._find(row.file)) is not None}
        for path in sorted(self.files):
            if is_image(path) and path not in named:
                self.problems.append(
                    f"{shown(path)}: no row in {self.table}; add one, or move the file out of the folder"
                )
        return self._listing(entries, rows, has_splits)

    def _listing(self, entries: list[Entry], rows: list[_Row], has_splits: bool) -> Listing:
        sides: tuple[Side, ...] = ("TRAIN", "TEST") if has_splits else ("",)
        if any(entry.side == "VAL" for entry in entries):
            sides = ("TRAIN", "VAL", "TEST")
        for side in sides:
            if side and not any(WORDS.get(row.split.lower()) == side for row in rows):
                self.problems.append(
                    f"{self.table}: no row has the split {side.lower()}; train and test are needed. Without the "
                    "column split the images are split here"
                )
        classes = {side: {entry.label for entry in entries if entry.side == side} for side in sides}
        notes = [] if has_splits else [f"{self.table} names no splits: the images are split here."]
        if "VAL" in sides:
            notes.append(f"The images with the split val in {self.table} are kept as the one set to validate on.")
        units = {entry.told for entry in entries} - {""}
        if units:
            what = "patient" if any(row.patient for row in rows) else "photograph"
            notes.append(f"{self.table} tells {len(units):,} {what}{'s' if len(units) != 1 else ''}.")
        if units and (untold := sum(not entry.told for entry in entries)):
            notes.append(f"{untold:,} of its rows tell{'s' if untold == 1 else ''} none.")
        places: dict[Side, str] = {side: side.lower() for side in sides}
        return Listing(entries, classes, places, self.problems, notes, TABLE if units else "")

    def _path(self, row: _Row) -> str | None:
        """The file that a row means; else a problem."""
        if not row.file:
            self._problem(row, "no file; a path below the folder is needed")
            return None
        found = self._find(row.file)
        if found is None:
            several = self._named(row.file)
            if several:
                what = f"{shown(row.file)} is the name of {len(several)} files ({', '.join(map(shown, several[:3]))})"
                self._problem(row, f"{what}; write the path below the folder")
            else:
                self._problem(row, f"{shown(row.file)} is not there; a path below {self.root} is needed")
        return found

    def _find(self, file: str) -> str | None:
        path = file.replace("\\", "/")
        if path.startswith("/"):
            path = path.removeprefix(f"{self.root}/")
        while path.startswith("./"):
            path = path[2:]
        if path in self.files:
            return path
        several = self._named(file)
        return several[0] if len(several) == 1 else None

    def _named(self, file: str) -> list[str]:
        """The files of this name alone; a name may lack its ending."""
        if "/" in file.replace("\\", "/"):
            return []
        return sorted(self.by_name.get(file) or self.by_name.get(file.lower()) or [])

    def _side(self, row: _Row, has_splits: bool) -> Side | None:
        if not has_splits:
            return ""
        side = WORDS.get(row.split.lower())
        if side is None:
            found = f"the split {shown(row.split)!r}" if row.split else "no split"
            self._problem(row, f"{shown(row.file)} has {found}; allowed: train, val, test")
        return side

    def _compare(self, earlier: _Row, row: _Row) -> None:
        for name in ("label", "split", "photograph", "patient"):
            before, now = getattr(earlier, name), getattr(row, name)
            same = WORDS.get(before.lower()) == WORDS.get(now.lower()) if name == "split" else before == now
            if not same:
                what = f"the {name} {shown(now) or 'nothing'}, but {shown(before) or 'nothing'} in line {earlier.line}"
                self._problem(row, f"{shown(row.file)} has {what}; keep one row for each file")

    def _problem(self, row: _Row, what: str) -> None:
        self.problems.append(f"{self.table}, line {row.line}: {what}")
