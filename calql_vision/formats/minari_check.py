"""A look over a Minari dataset before minari reads it.

minari makes the environment that the metadata describes where that lacks a space, which calls
whatever function the metadata names; and it allocates what metadata and pictures claim.
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from reprlib import repr as short
from typing import Any

import h5py

from calql_vision.datasets.claimed_size import check_claim
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.hdf5_open import examine
from calql_vision.datasets.names import clause

LABEL = "metadata.json"
_HDF5 = "main_data.hdf5"
#: What minari, and what it reads with, raise for damaged files.
_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError,
    RuntimeError, OverflowError, MemoryError, SyntaxError,
)  # fmt: skip


def check_minari(data: Path) -> None:
    """Raises DatasetError for metadata that would run code, and for sizes that are not there."""
    metadata = _metadata(data / LABEL)
    for space in ("observation_space", "action_space"):
        if not isinstance(metadata.get(space), str):
            raise DatasetError(
                f"{data / LABEL}: has no {space}; minari would run the environment that it names "
                "to find it: write the dataset again with its spaces"
            )
    file = data / _HDF5
    if file.is_file():
        examine(file)
    else:
        _check_tables(data)
    found = len(_episodes(data))
    stated = metadata.get("total_episodes")
    if not isinstance(stated, int) or not 0 <= stated <= found:
        raise DatasetError(
            f"{data / LABEL}: total_episodes is {short(stated)}, but {found} are there; copy or "
            "download the dataset again"
        )


def check_pictures(data: Path, space: Any) -> None:
    """Raises DatasetError where packed pictures cannot be as many as the longest array is long."""
    from minari.dataset.minari_storage import is_image_space

    pixels = sum(prod(leaf.shape) for leaf in _leaves(space) if is_image_space(leaf))
    held = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    check_claim(_longest(data) * pixels, held, f"{data}: an episode's images")


@contextmanager
def reading(data: Path, largest: int) -> Iterator[None]:
    """Damage found by minari as a DatasetError; no picture has more than `largest` pixels."""
    from PIL import Image

    usual = Image.MAX_IMAGE_PIXELS
    try:
        Image.MAX_IMAGE_PIXELS = max(largest, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except DatasetError:
        raise
    except (*_DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(
            f"{data}: minari cannot read it ({type(error).__name__}: {clause(error)}); "
            "copy or download the dataset again"
        ) from error
    finally:
        Image.MAX_IMAGE_PIXELS = usual


def most_pixels(space: Any) -> int:
    """Of one picture."""
    return max((prod(leaf.shape[:2]) for leaf in _leaves(space) if len(leaf.shape) > 1), default=0)


def _metadata(path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: is no JSON ({clause(error)}); copy it again") from error
    if not isinstance(metadata, dict):
        raise DatasetError(f"{path}: is no JSON object; copy it again")
    return metadata


def _episodes(data: Path) -> list[str]:
    if (data / _HDF5).is_file():
        with h5py.File(data / _HDF5, "r") as file:
            return [name for name in file if name.startswith("episode_")]
    return [folder.name for folder in data.iterdir() if folder.name.isdigit()]


def _check_tables(data: Path) -> None:
    """Offsets that lead out of a table end the whole process where values are taken from it."""
    for name in _episodes(data):
        try:
            _tables(data, name).to_table().validate(full=True)
        except _DAMAGE as error:  # pyarrow's own are kinds of ValueError and others of these
            raise DatasetError(
                f"{data / name}: arrow cannot read it ({clause(error)}); copy or download the "
                "dataset again"
            ) from error


def _tables(data: Path, name: str) -> Any:
    from pyarrow.dataset import dataset

    form = _metadata(data / LABEL).get("data_format")
    return dataset(data / name, format=form, ignore_prefixes=["_", ".", LABEL])


def _longest(data: Path) -> int:
    """First axis of the longest array, or the longest table."""
    if not (data / _HDF5).is_file():
        return max((_tables(data, name).count_rows() for name in _episodes(data)), default=0)
    lengths = [0]
    with h5py.File(data / _HDF5, "r") as file:
        file.visititems(lambda _, found: lengths.append(_length(found)))
    return max(lengths)


def _length(found: h5py.Group | h5py.Dataset) -> int:
    return found.shape[0] if isinstance(found, h5py.Dataset) and found.shape else 0


def _leaves(space: Any) -> Iterator[Any]:
    """The boxes of a space, at any depth."""
    from gymnasium.spaces import Box, Dict, Tuple

    if isinstance(space, Dict | Tuple):
        parts = space.spaces.values() if isinstance(space, Dict) else space.spaces
        for part in parts:
            yield from _leaves(part)
    elif isinstance(space, Box):
        yield space
