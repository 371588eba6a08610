"""Episodes of a LeRobot dataset; see `calql_vision.formats.lerobot`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.datasets.env_args import environment
from calql_vision.datasets.hdf5_layout import DatasetError, listing
from calql_vision.formats.lerobot import ACTION, CAMERA, DATA, DONE, REWARD, STATE, SUCCESS, VIDEO
from calql_vision.formats.lerobot_meta import Meta
from calql_vision.formats.lerobot_table import pictures, read_table, vectors
from calql_vision.formats.mp4 import FrameReader
from calql_vision.formats.raw_episode import Facts, RawEpisode, positive

_OBSERVATION = "observation."
#: Where the objects are, which a camera must find out: not proprioception.
_PRIVILEGED = "observation.environment_state"


@dataclass(frozen=True)
class LeRobotFolder:
    """The episodes of a dataset, in order. Raises DatasetError."""

    path: Path

    def facts(self) -> Facts:
        meta = Meta(self.path)
        env_args = meta.env_args
        name, env_kwargs = environment(env_args) if env_args else (None, {})
        stated = env_args.get("env_kwargs", {}).get("horizon")
        return Facts(
            env=name,
            env_kwargs=env_kwargs,
            control_hz=float(meta.info["fps"]),
            horizon=stated or max((e["length"] for e in meta.episodes), default=0),
            action_range=meta.action_range,
        )

    def __len__(self) -> int:
        return Meta(self.path).info["total_episodes"]

    def __iter__(self) -> Iterator[RawEpisode]:
        meta, data = Meta(self.path), _DataFiles(self.path)
        features = meta.info["features"]
        films = {
            key: FrameReader(self.path, VIDEO, key, feature["shape"], meta.info["fps"])
            for key, feature in features.items()
            if feature["dtype"] == "video"
        }
        try:
            for episode in meta.episodes:
                rows = data.rows(episode)
                filmed = {key: film.frames(episode) for key, film in films.items()}
                yield _raw(f"{self.path}: episode {episode['episode_index']}", rows, filmed, meta)
        finally:
            for film in films.values():
                film.close()


@dataclass(frozen=True)
class _Rows:
    """What a table holds of an episode."""

    columns: dict[str, list]
    held: int  # bytes of the whole file

    def __len__(self) -> int:
        return len(self.columns[ACTION])


class _DataFiles:
    """Rows by episode; the file that was read last is kept."""

    def __init__(self, root: Path):
        self._root = root
        self._path: Path | None = None
        self._table: Any = None

    def rows(self, episode: dict[str, Any]) -> _Rows:
        """Those of an episode, as many as it says that it has."""
        import pyarrow.compute

        place = {key: episode[f"data/{key}"] for key in ("chunk_index", "file_index")}
        path = self._root / DATA.format(**place)
        if path != self._path:
            self._path, self._table = path, read_table(path)
        for key in (ACTION, "episode_index"):
            if key not in self._table.column_names:
                there = listing(self._table.column_names)
                raise DatasetError(f"{path}: no feature {key!r}; there are {there}")
        number = episode["episode_index"]
        chosen = pyarrow.compute.equal(self._table["episode_index"], number)
        rows = _Rows(self._table.filter(chosen).to_pydict(), path.stat().st_size)
        if len(rows) != episode["length"] or len(rows) == 0:
            raise DatasetError(
                f"{path}: episode {number} has {len(rows)} rows, and {episode['length']} by meta/"
                "episodes; copy or download the dataset again"
            )
        return rows


def _raw(place: str, rows: _Rows, filmed: dict[str, np.ndarray], meta: Meta) -> RawEpisode:
    images: dict[str, np.ndarray] = {}
    proprio: dict[str, np.ndarray] = {}
    for key, feature in meta.info["features"].items():
        if feature["dtype"] in ("video", "image"):
            name = key.removeprefix(CAMERA).removeprefix(_OBSERVATION)
            images[name] = filmed[key] if key in filmed else _pictures(place, rows, key, feature)
        elif key.startswith(_OBSERVATION) and "float" in feature["dtype"] and key != _PRIVILEGED:
            vector = vectors(f"{place}: {key}", _column(place, rows, key))
            proprio |= _parts(key, vector, feature.get("names"))
    return RawEpisode(
        name=place.rpartition(": ")[2],
        images=images,
        proprio=proprio,
        actions=vectors(f"{place}: {ACTION}", rows.columns[ACTION]),
        marks={
            rule: positive(f"{place}: {key}", vectors(f"{place}: {key}", rows.columns[key]))
            for rule, key in ((None, SUCCESS), ("termination", DONE))
            if key in rows.columns
        },
        rewards=vectors(f"{place}: {REWARD}", rows.columns[REWARD])
        if REWARD in rows.columns
        else None,
    )


def _column(place: str, rows: _Rows, key: str) -> list[Any]:
    if key not in rows.columns:
        raise DatasetError(f"{place}: no column {key!r}; there are {listing(rows.columns)}")
    return rows.columns[key]


def _pictures(place: str, rows: _Rows, key: str, feature: dict[str, Any]) -> np.ndarray:
    return pictures(f"{place}: {key}", _column(place, rows, key), feature["shape"], rows.held)


def _parts(key: str, vector: np.ndarray, names: Any) -> dict[str, np.ndarray]:
    """Our own files name the numbers of a state <proprioception>.<number>: taken apart again."""
    labels = [str(name).rpartition(".") for name in names] if isinstance(names, list) else []
    ours = all(part and number.isdigit() for part, _, number in labels)
    if key != STATE or len(labels) != vector.shape[1] or not labels or not ours:
        return {key.removeprefix(_OBSERVATION): vector}
    owners = [part for part, _, _ in labels]
    return {
        part: vector[:, [number for number, owner in enumerate(owners) if owner == part]]
        for part in dict.fromkeys(owners)
    }
