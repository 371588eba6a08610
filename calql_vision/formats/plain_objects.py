"""Pickled numpy arrays of plain objects, read so that nothing in them can run.

A pickle is a program: it names functions and calls them. Here it may name three things of numpy
and gets stand-ins that take bytes and shapes and nothing else; lists, dicts, tuples, text and
numbers need no names. Everything else is refused by name.
"""

import io
import pickle
import re
from typing import Any

import numpy as np

from calql_vision.datasets.names import clause

#: What reading a damaged pickle can raise: it is a program, and stops wherever it is broken.
_STOPS = (
    pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError,
    OverflowError, MemoryError, AssertionError, RecursionError,
)  # fmt: skip


def plain_objects(content: bytes) -> list[Any]:
    """The elements of a pickled array of objects; arrays in them are `StoredArray`.

    Raises ValueError, a clause, for anything that is more than numbers in plain containers.
    """
    try:
        array = _PlainUnpickler(io.BytesIO(content)).load()
        return list(array.value)
    except _STOPS as error:
        raise ValueError(f"holds objects that are not read ({clause(error)})") from error


class StoredArray:
    """Numbers, or a list of objects, in the place of numpy.ndarray; `np.asarray` takes it."""

    def __init__(self, *arguments: Any) -> None:
        self.value: Any = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, by_columns, content = state
        self.value = content
        if isinstance(content, bytes):
            flat = np.frombuffer(content, kind.numbers())
            self.value = flat.reshape(shape, order="F") if by_columns else flat.reshape(shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)


class _StoredNumber(StoredArray):
    """In the place of a numpy scalar."""

    def __init__(self, kind: "_StoredType", content: bytes) -> None:
        self.value = np.frombuffer(content, kind.numbers())[0]


class _StoredType:
    """In the place of numpy.dtype."""

    def __init__(self, code: str, *arguments: Any) -> None:
        self._code, self._order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self._order = state[1]

    def numbers(self) -> np.dtype:
        name = self._order + self._code
        if not re.fullmatch(r"[<>=|][biuf]\d{1,2}", name):
            raise ValueError(f"an array of {name!r}")
        return np.dtype(name)


_STAND_INS = {
    ("numpy", "ndarray"): StoredArray,
    ("numpy", "dtype"): _StoredType,
    **{
        (f"numpy.{core}.multiarray", name): stand_in
        for core in ("core", "_core")  # before and since numpy 2
        for name, stand_in in (("_reconstruct", StoredArray), ("scalar", _StoredNumber))
    },
}


class _PlainUnpickler(pickle._Unpickler):
    """Python's own rather than C's, which allocates whatever a pickle says of its memo."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"{module}.{name}; only numbers in arrays are taken")
        return _STAND_INS[module, name]
