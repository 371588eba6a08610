"""One writer per folder: a lock that the kernel releases with its process, however that ends."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calql_vision.runs.layout import LOCK


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder`, which is made where it is missing, and removed again if it stays empty.

    Raises ValueError, with the holder's process number, where somebody else writes there.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    try:
        file = _held(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # before it is let go, so that nobody locks a lost file
            os.close(file)
    finally:
        for place in made:
            with suppress(OSError):  # something lies there now
                place.rmdir()


def _held(path: Path) -> int:
    """The descriptor of the lock, with our process number in the file."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        _lock(file, path)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                break
        os.close(file)  # its last holder has removed it in between
    os.truncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    return file


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(file, 20).decode() or "unknown"
        os.close(file)
        raise ValueError(
            f"{path.parent}: process {holder} writes there; wait for it, or choose another output"
        ) from error
    except OSError as error:  # some network file systems have no locks
        print(f"warning: {path.parent} cannot be locked ({error})", file=sys.stderr)
