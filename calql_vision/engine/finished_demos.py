"""What an interrupted conversion has done already: one small file per finished demo."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calql_vision.datasets.whole_file import OutputError, whole_file


class FinishedDemos:
    """The folder `<output>.parts`, which holds finished demos until all of them are there.

    `identity` is everything that the result depends on, as JSON. Demos of another identity are
    thrown away, and a line says so.
    """

    def __init__(self, output: Path, identity: dict[str, Any]):
        self.folder = output.with_name(f"{output.name}.parts")
        label, text = self.folder / "identity.json", json.dumps(identity, indent=4, sort_keys=True)
        if label.is_file() and label.read_text() == text:
            return
        if not label.is_file() and any(self.folder.glob("[!.]*")):
            raise OutputError(f"{self.folder} is not of an interrupted conversion; move it away")
        if self.folder.exists():
            print(f"{self.folder}: the source or the options have changed; starting afresh")
            self.remove()
        with whole_file(label) as path:
            path.write_text(text)

    def __getitem__(self, name: str) -> Path:
        """Where a demo's part lies, or will lie."""
        return self.folder / f"{name}.hdf5"

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that are still to be done."""
        found = [name for name in names if not self[name].exists()]
        if len(found) < len(names):
            print(f"{self.folder}: {len(names) - len(found)} of {len(names)} demos are done")
        return found

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def fingerprint(path: Path) -> list[tuple[str, int, int]]:
    """Name, size in bytes and time of change (ns) of a file, or of every file of a folder."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    facts = [(str(file.resolve()), file.stat()) for file in files]
    return [(name, fact.st_size, fact.st_mtime_ns) for name, fact in facts]
