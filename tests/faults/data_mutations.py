"""Data of every format, damaged in bytes and in structure: it is read rightly or refused."""

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest import mock

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet

from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.hdf5_read import read_episodes
from calql_vision.formats.robosuite import RobosuiteFolder
from calql_vision.stages import convert, inspect
from calql_vision.stages.convert import ConvertConfig
from calql_vision.stages.inspect import InspectConfig
from calql_vision.types import Episode
from tests.faults.data_sources import FORMATS, make_sources
from tests.faults.isolated import isolated
from tests.faults.mutate import mutated_bytes, mutated_content
from tests.faults.mutate_arrays import mutated_array
from tests.faults.mutate_hdf5 import mutate_hdf5
from tests.faults.outcome import Row

#: Rendering, and films, take seconds each.
_TURNS = [form for form in FORMATS if form not in ("states", "lerobot")] * 4
_TURNS += ["lerobot"] * 3 + ["states"]


def run(count: int, seed: int, first: int = 0) -> list[Row]:
    """`count` mutations from number `first` on, of the formats by turns; a row for each format."""
    rows = {form: Row(f"data: {form}") for form in FORMATS}
    with (
        TemporaryDirectory(prefix="faults-") as name,
        mock.patch.dict(os.environ, MINARI_DATASETS_PATH=f"{name}/minari"),
    ):
        sources = Path(name) / "sources"
        sources.mkdir()
        made = isolated(lambda: make_sources(sources), seconds=600.0)  # simulators survive no fork
        assert made.problem is None, made.problem
        for number in range(first, first + count):
            form = _TURNS[number % len(_TURNS)]
            _try(sources / form, Path(name) / "case", Random(f"{seed}/{number}"), rows[form],
                 f"run(1, seed={seed}, first={number})")  # fmt: skip
    return list(rows.values())


def _try(source: Path, case: Path, random: Random, row: Row, reproducer: str) -> None:
    shutil.copytree(source, case / "source")
    try:
        what = _mutate(case / "source", random)
        door = random.choice(_DOORS[source.name])
        found = isolated(lambda: door(case / "source", case / "out"))
        problem = found.problem or _left_over(case, found.sentence)
        row.count(problem, found.sentence is not None, f"{what}, {door.__name__}, {reproducer}")
    finally:
        shutil.rmtree(case)


def _left_over(case: Path, sentence: str | None) -> str | None:
    """What a refusal left behind."""
    left = [path.name for path in case.iterdir() if path.name != "source"]
    return f"{left} left behind after {sentence!r}" if sentence and left else None


# Mutations ---------------------------------------------------------------------------------------


def _mutate(source: Path, random: Random) -> str:
    """One change of one file, and what it was."""
    path = random.choice(sorted(path for path in source.rglob("*") if path.is_file()))
    place = path.relative_to(source)
    structural = _STRUCTURAL.get(path.suffix)
    if structural and random.random() < 0.65:
        return f"{place}: {structural(path, random)}"
    if random.random() < 0.03:
        path.unlink()
        return f"{place}: removed"
    content, what = mutated_bytes(path.read_bytes(), random)
    path.write_bytes(content)
    return f"{place}: {what}"


def _mutate_json(path: Path, random: Random) -> str:
    changed, what = mutated_content(json.loads(path.read_text()), random)
    path.write_text(json.dumps(changed))
    return what


def _mutate_npz(path: Path, random: Random) -> str:
    with np.load(path, allow_pickle=True) as file:  # our own
        arrays = dict(file)
    key = random.choice(list(arrays))
    kind = random.random()
    if kind < 0.1:
        del arrays[key]
        what = "removed"
    elif kind < 0.2:
        what = random.choice(["../../up_image", "/etc/x", "\x1b[31m", "images", "front_image", ""])
        arrays[what] = arrays.pop(key)
    elif kind < 0.3:
        arrays[key] = np.array([{"a": 1}, print, None], dtype=object)
        what = "objects"
    else:
        arrays[key], what = mutated_array(arrays[key], random)
    np.savez(path, **arrays)
    return f"{key}: {what}"


#: What pyarrow raises for rows that make no table.
_NO_TABLE = (TypeError, ValueError, KeyError, AttributeError, OverflowError)


def _mutate_parquet(path: Path, random: Random) -> str:
    table = pyarrow.parquet.read_table(path)
    if random.random() < 0.2:
        name = random.choice(table.column_names)
        pyarrow.parquet.write_table(table.drop_columns([name]), path)
        return f"{name} removed"
    while True:
        rows, what = mutated_content(table.to_pylist(), random)
        try:
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        except (pyarrow.ArrowException, OSError, *_NO_TABLE):
            continue
        return what


_STRUCTURAL: dict[str, Callable[[Path, Random], str]] = {
    ".hdf5": mutate_hdf5,
    ".json": _mutate_json,
    ".npz": _mutate_npz,
    ".parquet": _mutate_parquet,
}


# Doors -------------------------------------------------------------------------------------------


def loaded(source: Path, out: Path) -> None:
    """As `pretrain` does."""
    _check(read_episodes(source / "data.hdf5"))


def loaded_from_a_store(source: Path, out: Path) -> None:
    """As `pretrain` does with little memory."""
    store = source.parent / "source/store"
    _check(read_episodes_within(source / "data.hdf5", 0, store))


def inspected(source: Path, out: Path) -> None:
    inspect.run(InspectConfig(data=str(source / "data.hdf5"), contact_sheet=str(out)))
    assert out.stat().st_size > 1000


def rendered(source: Path, out: Path) -> None:
    """Simulator states into pixels."""
    _convert(source / "data.hdf5", out)


def converted(source: Path, out: Path) -> None:
    """Another project's images."""
    _convert(source, out)


def exported(source: Path, out: Path) -> None:
    """Pixels into another project's layout."""
    config = ConvertConfig(source=str(source / "data.hdf5"), output=str(out), format="lerobot")
    config.lossless = True
    _quietly(lambda: convert.run(config))
    assert json.loads((out / "meta/info.json").read_text())["total_episodes"] > 0


def read(source: Path, out: Path) -> None:
    """Recordings, up to where the simulator takes over."""
    folder = RobosuiteFolder(source)
    assert folder.env_args()["env_name"].startswith("robosuite/")
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        for name in folder.names():
            recording = folder.read(name)
            assert recording.states.ndim == recording.actions.ndim == 2
            assert len(recording.states) == len(recording.actions) + 1
            assert np.isfinite(recording.states).all()
            assert np.isfinite(recording.actions).all()
            folder.copy_demo(name, file.create_group(name))
        folder.copy_rest(file)


def _convert(source: Path, out: Path) -> None:
    _quietly(lambda: convert.run(ConvertConfig(source=str(source), output=str(out))))
    _check(read_episodes(out))


def _quietly(action: Callable[[], object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        action()


def _check(episodes: Iterable[Episode]) -> None:
    """What cannot be must not have been read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for episode in episodes:
            steps = len(episode)
            assert steps > 0
            assert episode.images.dtype == np.uint8
            assert episode.images.shape[0] == episode.proprio.shape[0] == steps + 1
            assert episode.images.ndim == 5
            assert np.isfinite(episode.proprio).all()
            assert (np.abs(episode.actions) <= 1).all()
            assert np.isfinite(episode.rewards).all()
            assert episode.success == (episode.rewards[-1] > 0)


_PIXEL_DOORS = (loaded, loaded_from_a_store, inspected, exported)
_DOORS: dict[str, tuple[Callable[[Path, Path], None], ...]] = {
    "hdf5": _PIXEL_DOORS,
    "hdf5 packed": _PIXEL_DOORS,
    "states": (rendered,),
    "npz": (converted,),
    "lerobot": (converted,),
    "minari": (converted,),
    "minari arrow": (converted,),
    "robosuite": (read,),
}
