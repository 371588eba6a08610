"""Mutations of an HDF5 file's structure: objects, links, attributes, claims."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.faults.mutate import ODD_VALUES, mutated_content
from tests.faults.mutate_arrays import mutated_array

_NAMES = ["\x1b[31m", "..", "x" * 1000, "$^$", "demo_99", "ü\u202e", "1", " ", "obs_image"]


def mutate_hdf5(path: Path, random: Random) -> str:
    """One change of a file in its place, and what it was."""
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        name = random.choice(names)
        kinds = list(_KINDS) + ["array"] * 5 + ["attribute"] * 4
        kind = random.choice(kinds)
        return f"{name}: {_KINDS[kind](file, name, random)}"


def _array(file: h5py.File, name: str, random: Random) -> str:
    if not isinstance(file[name], h5py.Dataset):
        return _attribute(file, name, random)
    stored = file[name][()]
    changed, what = mutated_array(np.asarray(stored), random)
    del file[name]
    file[name] = changed
    return what


def _attribute(file: h5py.File, name: str, random: Random) -> str:
    attributes = file[name].attrs
    if not len(attributes) and "data" in file:
        attributes = file["data"].attrs
    if not len(attributes):
        return _delete(file, name, random)
    key = random.choice(list(attributes))
    if key == "env_args" and random.random() < 0.8:
        changed, what = mutated_content(json.loads(attributes[key]), random)
        attributes[key] = json.dumps(changed)
        return f"attribute {key}{what}"
    return f"attribute {key} = {_set(attributes, key, random)}"


def _set(attributes: Any, key: str, random: Random) -> str:
    odd = [*(v for v in ODD_VALUES if isinstance(v, str | float)), 3, np.arange(3), b"\xff\xfe"]
    value = random.choice([*odd, h5py.Empty("f"), np.full((2, 2), np.nan)])
    del attributes[key]
    if random.random() < 0.2:
        return "removed"
    try:
        attributes[key] = value
    except (ValueError, OSError):  # what HDF5 itself does not store
        return "removed"
    return repr(value)[:60]


def _delete(file: h5py.File, name: str, random: Random) -> str:
    del file[name]
    return "removed"


def _rename(file: h5py.File, name: str, random: Random) -> str:
    new = random.choice(_NAMES)
    parent = file[name].parent
    if new in parent:
        return _delete(file, name, random)
    parent.move(name.rpartition("/")[2], new)
    return f"renamed {new[:20]!r}"


def _as_group(file: h5py.File, name: str, random: Random) -> str:
    del file[name]
    file.create_group(name)
    return "an empty group"


def _as_dataset(file: h5py.File, name: str, random: Random) -> str:
    del file[name]
    file[name] = np.zeros(3)
    return "three zeros"


def _soft(file: h5py.File, name: str, random: Random) -> str:
    names: list[str] = ["nowhere"]
    file.visit(names.append)
    target = random.choice(names)
    del file[name]
    file[name] = h5py.SoftLink(f"/{target}")
    return f"a link to {target}"


def _hard(file: h5py.File, name: str, random: Random) -> str:
    names: list[str] = []
    file.visit(names.append)
    target = random.choice(names)
    found = file[target]
    del file[name]
    file[name] = found
    return f"the same as {target}"


def _external(file: h5py.File, name: str, random: Random) -> str:
    del file[name]
    file[name] = h5py.ExternalLink(random.choice([file.filename, "/etc/passwd", "none"]), name)
    return "in another file"


def _sparse(file: h5py.File, name: str, random: Random) -> str:
    rows = random.choice([10**6, 10**10, 2**62])
    del file[name]
    packing = random.choice([None, "gzip"])
    file.create_dataset(name, (rows,), "u1", chunks=(1024,), compression=packing)
    return f"{rows} rows that are not there"


_KINDS: dict[str, Callable[[h5py.File, str, Random], str]] = {
    "array": _array,
    "attribute": _attribute,
    "delete": _delete,
    "rename": _rename,
    "as group": _as_group,
    "as dataset": _as_dataset,
    "soft": _soft,
    "hard": _hard,
    "external": _external,
    "sparse": _sparse,
}
