"""A file, or a folder, that appears whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from platform import node

from calql_vision.datasets.disk_space import said_when_full


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path in the folder of `path`, renamed to `path` when the block succeeds.

    Any failure, Ctrl-C included, removes the temporary file and leaves an older `path` as it was.
    Raises OutputError where no file can stand, and DiskFullError.
    """
    path = Path(path)
    check_place(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder, not a file; choose another output")
    with said_when_full(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(path)
        try:
            yield partial
            _to_disk(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """`whole_file` for a folder, which exists and is empty; an older `path` is replaced."""
    path = Path(path)
    check_place(path)
    if path.is_file():
        raise OutputError(f"{path} is a file, not a folder; choose another output")
    with said_when_full(path):
        partial = _partial(path)
        partial.mkdir(parents=True)
        try:
            yield partial
            for file in partial.rglob("*"):
                _to_disk(file)
            if path.exists():
                shutil.rmtree(path)
            partial.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Contents first, then the name: else a power cut can leave the name of an empty file."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _partial(path: Path) -> Path:
    """Beside `path`, where what killed processes of this machine have left of it is removed."""
    before = f".{path.name}.{node()}."
    for older in path.parent.glob(f"{escape(before)}*.partial"):
        writer = older.name.removeprefix(before).removesuffix(".partial")
        if writer.isdigit() and not _runs(int(writer)):
            shutil.rmtree(older) if older.is_dir() else older.unlink(missing_ok=True)
    return path.with_name(f"{before}{os.getpid()}.partial")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


class OutputError(ValueError):
    """What was named as an output is something else, and stays as it is."""


def check_place(path: Path) -> None:
    """OutputError where neither a file nor a folder of ours can stand.

    Renaming a file to the name of a device or of a link would put it in their place.
    """
    if path.is_symlink():
        raise OutputError(f"{path} is a link to {path.readlink()}; give that path as the output")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(f"{path} is a device, a pipe or a socket; choose another output")
    there = next(place for place in path.absolute().parents if place.exists())
    if not there.is_dir():
        raise OutputError(f"{there} is a file, so {path} cannot be in it; choose another output")
    if not os.access(there, os.W_OK):
        raise OutputError(f"{there} cannot be written to, so {path} can not; choose another output")


def check_output(path: Path, overwrite: bool) -> None:
    """OutputError if `path` exists and may not be replaced."""
    check_place(path)
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; set overwrite=true to replace it")
