"""Full disks: space is taken before it is filled where its size is known, and a sentence says the
rest."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: No space, no more of the user's share, no larger file allowed.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFullError(OSError):
    """There is no room for a file; says for which, and what was kept."""


@contextmanager
def said_when_full(path: Path, kept: str = "") -> Iterator[None]:
    """DiskFullError in the place of what the block raises when it finds no room for `path`.

    `kept` says what of it is still there; by itself, whether an older `path` is.
    """
    try:
        yield
    except DiskFullError:
        raise
    except OSError as error:
        if error.errno not in _FULL:
            raise
        kept = kept or ("the older one is kept" if path.exists() else "nothing of it is kept")
        reason = os.strerror(error.errno)
        raise DiskFullError(
            f"{path} cannot be written ({reason}), {kept}; make room, or choose another output"
        ) from error


def take_space(path: Path, start: int, size: int) -> None:
    """Have `size` bytes of a file from `start` on, so that writing them cannot fail.

    Raises OSError where there is no room. Some libraries do not survive a disk that fills up
    while they write: HDF5 crashes when a file with compression is closed.
    """
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.posix_fallocate(descriptor, start, size)
    finally:
        os.close(descriptor)
