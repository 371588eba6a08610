"""Parquet as LeRobot writes it, and what its columns hold."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.datasets.claimed_size import check_claim
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.names import clause
from calql_vision.formats.lerobot import parquet

_PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
_NUMBER = 8  # bytes, at most


def read_table(path: Path) -> Any:
    """A table without its statistics, which make up most of the columns.

    Raises DatasetError for a file that is missing, damaged, or claims more than it holds.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; copy or download the dataset again")
    reader = parquet(path)
    from pyarrow import ArrowException

    try:
        file = reader.ParquetFile(path)
        names = [n for n in file.schema_arrow.names if not n.startswith("stats/")]
        claimed = file.metadata.num_rows * len(names) * _NUMBER
        check_claim(claimed, path.stat().st_size, f"{path}: {file.metadata.num_rows:,} rows")
        return file.read(columns=names)
    except DatasetError:
        raise
    except (ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: cannot be read ({clause(error)}); copy it again") from error


def vectors(place: str, column: list[Any]) -> np.ndarray:
    """A column of numbers or of lists of as many, [T, n]. Raises DatasetError."""
    try:
        return np.array(column).reshape(len(column), -1)
    except ValueError as error:
        raise DatasetError(f"{place} holds no numbers, or not as many in every row") from error


def pictures(place: str, column: list[Any], size: list[int], held: int) -> np.ndarray:
    """Pictures packed as PNG or JPEG, uint8 [T, *size]; `held` bytes are in the file.

    Raises DatasetError for another format or size, before anything is unpacked.
    """
    check_claim(len(column) * int(np.prod(size, dtype=object)), held, place)
    return np.stack([_picture(place, each, size) for each in column])


def _picture(place: str, packed: Any, size: list[int]) -> np.ndarray:
    from PIL import Image

    content = packed.get("bytes") if isinstance(packed, dict) else None
    content = content if isinstance(content, bytes) else b""
    formats = [form for start, form in _PICTURES.items() if content.startswith(start)]
    if not formats:
        raise DatasetError(f"{place} holds something else than PNG or JPEG; store it again")
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            if [image.height, image.width] != size[:2]:
                found = f"{image.height} x {image.width}"
                raise DatasetError(f"{place} is {found} pixels, not {size[0]} x {size[1]}")
            return np.asarray(image.convert("RGB"))
    except DatasetError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(
            f"{place} cannot be unpacked ({clause(error)}); copy it again"
        ) from error
