"""Data sets larger than memory: their frames in a file that is mapped, not read.

A store is two files in a folder, by default `<data file>.frames/`:

    <key>.frames        uint8 [N, V, H, W, 3]: the observations of all episodes, one after another
    <key>.frames.json   of which file (path, bytes, time of its last change), demos, cameras, size;
                        a checksum, which is compared before the store is used again

It holds pixels alone; everything else is read from the data file every time. The key is made of
the JSON, so that a changed file or another choice is another store. Mapping the HDF5 file itself
would save the copy, but only for files without compression, at their own image size; and here a
frame with all its cameras is one place on disk. The folder can be removed at any time.

What it takes, for 200 demonstrations of 400 steps with two 84x84 cameras: 3.4 GB of pixels, each
frame once, on disk, and of memory a batch and an episode, besides what the kernel lends and takes
back. robomimic's `cache_mode="all"` keeps every sample: with its sequences of 10 steps each frame
ten times, twice that with `next_obs`, 34 or 68 GB. Measured with 25 such demonstrations (424 MB of
pixels): 434 MB of resident anonymous memory in ours without the store, 61 MB while it is written,
3 MB when it is used again; robomimic 0.3 on a smaller file: 10.0 and 20.0 times the pixels.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.hdf5_read import count_frames, read_episodes, read_spec
from calql_vision.datasets.hdf5_select import EVERYTHING, Selection
from calql_vision.datasets.part import ALL, Part
from calql_vision.datasets.progress import progress
from calql_vision.datasets.whole_file import whole_file
from calql_vision.types import Episode

_FORMAT = 2  # to be raised when the same file would be stored differently
_AGE = ("bytes", "modified_ns", "format")  # what makes a store of the same source outdated
_BLOCK = 2**24  # bytes that are read at once
_UNITS = {"B": 1} | {
    prefix + suffix: base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate("kMGT" if base == 1000 else "KMGT", start=1)
}


def read_episodes_within(
    path: str | Path,
    budget: int | None,
    folder: str | Path | None = None,
    selection: Selection = EVERYTHING,
) -> Iterator[Episode]:
    """`read_episodes`, whose images are in memory if those chosen fit into `budget` bytes.

    Otherwise they are slices of a store in `folder` (None: `<path>.frames`), which is written
    first, or used again if the file has not changed. Raises DatasetError.
    """
    index = _index(Path(path), selection)
    if budget is None or _pixel_bytes(index) <= budget:
        yield from read_episodes(path, selection)
        return
    frames = _open(index, Path(folder) if folder else Path(f"{path}.frames"))
    start = 0
    blind = replace(selection, cameras=[], image_size=tuple(index["image_size"]))
    for number, episode in enumerate(read_episodes(path, blind)):
        if number not in selection.part:
            yield episode
            continue
        end = start + len(episode) + 1
        yield replace(episode, images=frames[start:end])
        start = end
    assert start == len(frames)


def _index(path: Path, selection: Selection) -> dict[str, Any]:
    """What a store is made of, as JSON takes it."""
    spec, part = read_spec(path, selection), selection.part
    stat = path.stat()
    index = {
        "format": _FORMAT,
        "source": str(path.resolve()),
        "bytes": stat.st_size,
        "modified_ns": stat.st_mtime_ns,
        "filter_key": selection.filter_key,
        "cameras": list(spec.cameras),
        "image_size": list(spec.image_size),
        "frames": count_frames(path, filter_key=selection.filter_key, part=part),
    }
    return index if part == ALL else index | {"part": [part.number, part.of]}


def _shape(index: dict[str, Any]) -> tuple[int, ...]:
    return (index["frames"], len(index["cameras"]), *index["image_size"], 3)


def _pixel_bytes(index: dict[str, Any]) -> int:
    return int(np.prod(_shape(index), dtype=np.int64))


def _open(index: dict[str, Any], folder: Path) -> np.ndarray:
    """The frames of a store, mapped for reading; written first where there is no such store."""
    key = sha256(json.dumps(index).encode()).hexdigest()[:12]
    frames, description = folder / f"{key}.frames", folder / f"{key}.frames.json"
    size = _pixel_bytes(index)
    stored = _described(description) if frames.is_file() else {}
    if stored and frames.stat().st_size == size and stored.get("crc32") == _checksum(frames):
        print(f"frames: {frames} ({format_bytes(size)}) is used again")
    else:
        if stored:
            print(f"frames: {frames} is damaged, and made again")
        _write(index, frames, description)
    # A plain array over the map: every slice of a np.memmap would be a Python object of its own.
    return np.asarray(np.memmap(frames, dtype=np.uint8, mode="r", shape=_shape(index)))


def _write(index: dict[str, Any], frames: Path, description: Path) -> None:
    """Both files of a store, the description last; those of an older source are removed."""
    folder, size = frames.parent, _pixel_bytes(index)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        changed = _remove_outdated(folder, index)
        reason = "has changed" if changed else "is larger than the memory budget"
        print(f"frames: {index['source']} {reason}; {format_bytes(size)} are written to {frames}")
        free = shutil.disk_usage(folder).free
        if free < size:
            raise OSError(f"only {format_bytes(free)} are free")
        with whole_file(frames) as partial:
            _copy_frames(index, partial)
            checksum = _checksum(partial)
        with whole_file(description) as partial:
            partial.write_text(json.dumps(index | {"crc32": checksum}, indent=2) + "\n")
    except OSError as error:
        raise DatasetError(
            f"{folder}: {format_bytes(size)} of frames cannot be stored ({error}); set "
            "data.frame_store to a folder with room, or data.memory_budget above that size"
        ) from error


def _copy_frames(index: dict[str, Any], target: Path) -> None:
    selection = Selection(
        filter_key=index["filter_key"],
        cameras=index["cameras"],
        proprio_keys=[],
        image_size=tuple(index["image_size"]),
        part=Part(*index.get("part", ())),
    )
    episodes = read_episodes(index["source"], selection)
    with (
        target.open("wb") as file,
        progress(total=_pixel_bytes(index), desc="frames", unit="B", unit_scale=True) as bar,
    ):
        for episode in episodes:
            episode.images.tofile(file)
            bar.update(episode.images.nbytes)


def _remove_outdated(folder: Path, index: dict[str, Any]) -> bool:
    """Remove the stores of the same source as it was before; whether there was any."""
    found = False
    for description in folder.glob("*.frames.json"):
        other = _described(description)
        same_source = other.get("source") == index["source"]
        if same_source and any(other.get(k) != index[k] for k in _AGE):
            description.unlink(missing_ok=True)
            description.with_suffix("").unlink(missing_ok=True)
            found = True
    return found


def _described(description: Path) -> dict[str, Any]:
    """What the JSON beside a store says; nothing where there is none, or it is damaged."""
    try:
        content = json.loads(description.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _checksum(frames: Path) -> int:
    """CRC-32 of a file: as fast as it can be read."""
    checksum = 0
    with frames.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = crc32(block, checksum)
    return checksum


def parse_bytes(text: str) -> int:
    """ "4GiB", "1.5 GB", "300MB" -> bytes. Raises ValueError for anything else, 4G included."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]+)\s*", text)
    if not found or found[2] not in _UNITS:
        raise ValueError(
            f"{text!r} is no size; give a number and one of {', '.join(_UNITS)}, such as 4GiB"
        )
    return round(float(found[1]) * _UNITS[found[2]])


def format_bytes(number: int) -> str:
    """In the unit that leaves one to three digits before the point: 4.3 GB."""
    unit = next((u for u in ("TB", "GB", "MB", "kB") if number >= _UNITS[u]), "B")
    return f"{number / _UNITS[unit]:.3g} {unit}"
