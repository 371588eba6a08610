"""Opening a file of demonstrations, after a look over all of it.

Every object must be readable, lie in the file itself, and be no larger than the bytes that are
stored can be. HDF5 itself follows links to other files, takes raw data from any path, and
allocates whatever a dataset claims to hold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from pathlib import Path

import h5py

from calql_vision.datasets.claimed_size import check_claim
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.names import clause

_INSIDE = (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT)


@contextmanager
def open_dataset(path: str | Path) -> Iterator[h5py.File]:
    """The file, opened for reading.

    DatasetError if it is missing, foreign, damaged, or not whole in itself; see `examine`.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; check the path or collect demonstrations first")
    if not h5py.is_hdf5(path):
        raise DatasetError(f"{path}: not an HDF5 file; give a file in robomimic's layout")
    examine(path)
    with h5py.File(path, "r") as file:
        if not isinstance(file.get("data"), h5py.Group):
            raise DatasetError(f"{path}: no group 'data'; give a file in robomimic's layout")
        yield file


def examine(path: Path) -> None:
    """Raises DatasetError for a file that reaches outside, claims too much or is damaged.

    A file that has not changed since is not looked at again.
    """
    stat = path.stat()
    _examine(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _examine(path: Path, size: int, changed_ns: int) -> None:
    try:
        with h5py.File(path, "r") as file:
            links: list[tuple[bytes, int]] = []
            file.id.links.visit(lambda name, info: links.append((name, info.type)), info=True)
            for name, kind in links:
                _check_link(path, file, name, kind)
            file.visititems(lambda name, found: _check_object(path, name, found))
    except DatasetError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DatasetError(
            f"{path}: truncated or damaged ({clause(error)}); copy, download or collect it again"
        ) from error


def _check_link(path: Path, file: h5py.File, name: bytes, kind: int) -> None:
    if kind not in _INSIDE:
        raise _reaches_out(path, name.decode(errors="replace"), "is a link to another")
    if kind == h5py.h5l.TYPE_SOFT:
        file.get(name)  # links in a circle are found out


def _check_object(path: Path, name: str, found: h5py.Group | h5py.Dataset) -> None:
    for value in found.attrs.values():  # damage shows here rather than half-way
        if isinstance(value, str):
            value.encode()
    if not isinstance(found, h5py.Dataset):
        return
    plan = found.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        raise _reaches_out(path, name, "takes its data from another")
    claimed = prod(found.shape or (0,)) * found.dtype.itemsize
    check_claim(claimed, found.id.get_storage_size(), f"{path}: {name}")


def _reaches_out(path: Path, name: str, how: str) -> DatasetError:
    return DatasetError(
        f"{path}: {name} {how} file, which is not followed; "
        "copy all into one file (h5copy -f ext, h5repack) if you trust it"
    )
