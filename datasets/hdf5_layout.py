"""What reading and writing share: demos and filter keys, and the error that names a fault."""

from collections.abc import Iterable

import h5py

from calql_vision.datasets.names import checked_name, in_order

IMAGE_SUFFIX = "_image"


class DatasetError(ValueError):
    """A file of demonstrations is not as it should be; one sentence: place, fault, remedy."""


def filter_keys(file: h5py.File) -> dict[str, list[str]]:
    """Names of demos by filter key, as the file's `mask` group lists them. Raises DatasetError."""
    masks = file.get("mask", {})
    if isinstance(masks, h5py.Dataset):
        raise DatasetError(f"{file.filename}: mask is no group; delete it or write it again")
    return {key: in_order(_listed_names(file, key)) for key in masks}


def _listed_names(file: h5py.File, filter_key: str) -> list[str]:
    listed = file["mask"].get(filter_key)
    if not isinstance(listed, h5py.Dataset) or listed.ndim != 1 or listed.dtype.kind not in "SO":
        raise DatasetError(
            f"{file.filename}: mask/{filter_key} is no list of names; delete it or write it again"
        )
    return [_text(name) for name in listed[:]]


def demo_names(file: h5py.File, filter_key: str | None = None) -> list[str]:
    """Names of the demos, by number; all of them, or those that `mask/<filter_key>` lists.

    Raises DatasetError, also for a demo that is only the name of one.
    """
    names = [name for name in file["data"] if _is_demo(file, name)]
    if filter_key is not None:
        names = _listed_demos(file, filter_key, names)
    if not names:
        place = "data" if filter_key is None else f"mask/{filter_key}"
        raise DatasetError(f"{file.filename}: {place} holds no demo; collect demonstrations first")
    return in_order(names)


def _is_demo(file: h5py.File, name: str) -> bool:
    found = file["data"].get(name)
    if found is None:
        raise DatasetError(
            f"{file.filename}: data/{name} is a link to nothing; repair it or delete it"
        )
    checked_name(name, f"{file.filename}: a demo")
    return isinstance(found, h5py.Group)


def _listed_demos(file: h5py.File, filter_key: str, held: list[str]) -> list[str]:
    masks = filter_keys(file)
    if filter_key not in masks:
        raise DatasetError(
            f"{file.filename}: no filter key {filter_key!r}; it has {listing(masks)}"
        )
    for name in masks[filter_key]:
        if name not in held:
            raise DatasetError(
                f"{file.filename}: mask/{filter_key} lists {name}, which data does not hold; "
                f"choose another filter key or write the mask again"
            )
    return masks[filter_key]


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def listing(names: Iterable[str]) -> str:
    """The valid choices, for an error's sentence."""
    return ", ".join(n if n.isprintable() else repr(n) for n in sorted(names)) or "none"
