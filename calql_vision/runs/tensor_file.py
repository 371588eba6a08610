"""Files of plain values and tensors, as torch writes them, which run no code when they are read."""

import pickle
import zlib
from collections.abc import Set
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from calql_vision.datasets.whole_file import whole_file

#: What torch and its unpickler raise for bytes that are not theirs.
_DAMAGES = (
    RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError, EOFError,
    OverflowError, MemoryError, pickle.UnpicklingError, BadZipFile, zlib.error,
)  # fmt: skip


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all; the same content gives the same bytes."""
    import torch

    # By a path, torch would write its name into the archive; into a file, it would say nothing of
    # a disk that is full.
    memory = BytesIO()
    torch.save(content, memory)
    with whole_file(path) as partial:
        partial.write_bytes(memory.getbuffer())


def load_tensors(path: Path, keys: Set[str]) -> dict[str, Any]:
    """On the CPU. Raises ValueError for what is no such file, or lacks one of `keys`."""
    import torch

    try:
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGES as error:
        raise ValueError(f"{path} is damaged or no checkpoint; train again") from error
    if not isinstance(content, dict) or not keys <= set(content):
        raise ValueError(f"{path} is damaged or no checkpoint; train again")
    return content


def _check_archive(path: Path) -> None:
    """BadZipFile for bytes that are not what was written, which torch itself does not notice, and
    for an archive that unpacks to more than it is."""
    with path.open("rb") as file:
        try:
            with ZipFile(file) as archive:
                packed = any(entry.compress_type != ZIP_STORED for entry in archive.infolist())
                spoilt = archive.testzip()
        except OSError as error:  # it names a place that the file does not have
            raise BadZipFile(str(error)) from error
    if packed or spoilt:
        raise BadZipFile(f"{spoilt} has another check sum" if spoilt else "it is packed")
