"""The arrays of one `.npz`: nothing in it runs, and no more is allocated than it holds."""

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Container
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from calql_vision.datasets.claimed_size import check_claim
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.names import clause
from calql_vision.formats.plain_objects import plain_objects

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
#: What numpy packs with; the other methods of zip pack thousands of times as much.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, OverflowError, TypeError, SyntaxError,
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip


def read_npz(
    path: Path, only: Container[str] | None = None, objects: Container[str] = ()
) -> dict[str, Any]:
    """Key -> array, of all keys or of `only` some; under `objects`, lists of plain objects.

    Raises DatasetError for a damaged file, and for objects where none are expected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
            return {
                key: _read(archive, member, f"{path}: {key}", key in objects)
                for key, member in members.items()
                if only is None or key in only
            }
    except DatasetError:
        raise
    except _DAMAGE as error:
        raise DatasetError(f"{path}: cannot be read ({clause(error)}); write it again") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: str, objects: bool) -> Any:
    if member.compress_type not in _PACKED:
        raise DatasetError(f"{place} is not packed as numpy packs it; write it again")
    check_claim(member.file_size, member.compress_size, place)
    with archive.open(member) as stream:
        shape, _, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
        if dtype.hasobject:
            return _plain(stream, place, objects)
        held, claimed = member.file_size - stream.tell(), prod(shape) * dtype.itemsize
    if claimed > held:
        raise DatasetError(
            f"{place} claims {claimed:,} bytes but holds {held:,}; write the file again"
        )
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _plain(stream: IO[bytes], place: str, expected: bool) -> list[Any]:
    if not expected:
        raise DatasetError(f"{place} holds Python objects, not numbers; store numbers alone")
    try:
        return plain_objects(stream.read())
    except ValueError as error:
        raise DatasetError(f"{place} {error}; take it from elsewhere") from error
