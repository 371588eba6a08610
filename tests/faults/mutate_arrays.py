"""Mutations of arrays: another type, another shape, other values."""

from collections.abc import Callable
from random import Random

import numpy as np

_TYPES = ("f2", "f4", "f8", ">f8", "i1", "i8", "u1", "u8", "?", "c8", "S3", "V4")
_VALUES = (np.nan, np.inf, -np.inf, 1e300, -1e300, -1.0, 1e-300, 2.0, 255.0, 0.0)


def mutated_array(array: np.ndarray, random: Random) -> tuple[np.ndarray, str]:
    """One change of an array, and what it was."""
    kind = random.choice(list(_KINDS))
    with np.errstate(all="ignore"):
        return _KINDS[kind](array, random)


def _type(array: np.ndarray, random: Random) -> tuple[np.ndarray, str]:
    kind = random.choice(_TYPES)
    if kind in ("S3", "V4") or array.dtype.kind not in "fiub":
        return np.zeros(array.shape, kind), f"as zeros of {kind}"
    return array.astype(kind), f"as {kind}"


def _value(array: np.ndarray, random: Random) -> tuple[np.ndarray, str]:
    value = random.choice(_VALUES)
    if array.size == 0 or array.dtype.kind not in "fiub":
        return np.full(array.shape, value), f"all {value}"
    changed = array.astype("f8") if array.dtype.kind != "u" else array.copy()
    place = random.randrange(array.size) if random.random() < 0.7 else slice(None)
    changed.reshape(-1)[place] = value if array.dtype.kind != "u" else abs(hash(value)) % 256
    return changed, f"{value} at {place}"


def _shape(array: np.ndarray, random: Random) -> tuple[np.ndarray, str]:
    name, change = random.choice(_SHAPES)
    return change(array), name


_SHAPES: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [
    ("flat", np.ravel),
    ("with an axis more", lambda array: array[..., None]),
    ("without its last step", lambda array: array[:-1] if array.ndim else array),
    ("with its last step twice", lambda array: np.concatenate([array[:1], array])
     if array.ndim else array),
    ("without steps", lambda array: array[:0] if array.ndim else array),
    ("without width", lambda array: array[..., :0] if array.ndim else array),
    ("wider", lambda array: np.repeat(array, 2, axis=-1) if array.ndim else array),
    ("transposed", np.transpose),
    ("a single number", lambda array: np.array(0.0)),
    ("one step", lambda array: array[:1] if array.ndim else array),
]  # fmt: skip
_KINDS: dict[str, Callable[[np.ndarray, Random], tuple[np.ndarray, str]]] = {
    "type": _type,
    "value": _value,
    "shape": _shape,
}
