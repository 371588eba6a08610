"""Arrays of one demo, checked as they are read: every fault names file, demo, key and remedy."""

from typing import Any

import h5py
import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError, listing
from calql_vision.datasets.names import clause


def fault(demo: h5py.Group, key: str, problem: str) -> DatasetError:
    """The error that says where: file, demo, key."""
    return DatasetError(f"{demo.file.filename}: {demo.name.split('/')[-1]}: {key} {problem}")


def member(demo: h5py.Group, key: str, kind: type) -> Any:
    """The group or dataset under `key`; DatasetError if it is missing or of another kind."""
    found = demo.get(key)
    if isinstance(found, kind):
        return found
    if found is None and demo.get(key, getlink=True) is not None:
        raise fault(demo, key, "is a link to nothing; repair it or delete it")
    holder = demo.get(key.rpartition("/")[0] or ".")
    there = holder if isinstance(holder, h5py.Group) else []
    raise fault(demo, key, f"is missing; there are {listing(there)}")


def datasets_in(demo: h5py.Group, key: str) -> dict[str, h5py.Dataset]:
    """The datasets of a group by name; groups within it are no concern of ours."""
    members = dict(member(demo, key, h5py.Group).items())
    for name, found in members.items():
        if found is None:
            raise fault(demo, f"{key}/{name}", "is a link to nothing; repair it or delete it")
    return {name: found for name, found in members.items() if isinstance(found, h5py.Dataset)}


def stored_array(
    demo: h5py.Group, key: str, *, ndim: int, length: int | None = None
) -> h5py.Dataset:
    """A dataset of `ndim` axes and, if given, `length` steps; not read yet."""
    dataset = member(demo, key, h5py.Dataset)
    if dataset.ndim != ndim:
        raise fault(demo, key, f"has shape {dataset.shape}, not {ndim} axes; store it again")
    if length is not None and len(dataset) != length:
        raise fault(
            demo,
            key,
            f"has {len(dataset)} steps but actions has {length}; drop or repair the demo",
        )
    return dataset


def take(demo: h5py.Group, dataset: h5py.Dataset, rows: slice) -> np.ndarray:
    """Some rows in one read."""
    try:
        return dataset[rows]
    except (OSError, RuntimeError) as error:
        key = dataset.name.removeprefix(f"{demo.name}/")
        raise fault(
            demo, key, f"cannot be read ({clause(error)}); the file is damaged: copy it again"
        ) from error


def finite(demo: h5py.Group, key: str, array: np.ndarray) -> np.ndarray:
    """`array` as float32, refused if that holds NaN, infinities or no numbers at all."""
    if array.dtype.kind not in "fiub":
        raise fault(demo, key, f"is of type {array.dtype}, not numbers; store it again")
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        step = np.argwhere(~np.isfinite(single))[0][0]
        raise fault(
            demo, key, f"is NaN or infinite as float32 at step {step}; drop or repair the demo"
        )
    return single


def numbers(demo: h5py.Group, key: str, *, ndim: int, length: int | None = None) -> np.ndarray:
    """A whole dataset of finite numbers, float32."""
    dataset = stored_array(demo, key, ndim=ndim, length=length)
    return finite(demo, key, take(demo, dataset, slice(None)))


def text(demo: h5py.Group, attribute: str) -> str | None:
    """An attribute that is text, or absent."""
    value = demo.attrs.get(attribute)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if value is not None and not isinstance(value, str):
        raise fault(demo, attribute, f"is a {type(value).__name__}, not text; write it again")
    return value
