"""Episodes of a LeRobot dataset; see `calql_vision.formats.lerobot`."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.datasets.env_args import environment
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.formats.lerobot import (
    ACTION,
    CAMERA,
    DONE,
    ENV_ARGS,
    INFO,
    REWARD,
    STATE,
    STATS,
    SUCCESS,
    VERSION,
    parquet,
)
from calql_vision.formats.mp4 import FrameReader
from calql_vision.formats.pixels import Facts, RawEpisode

_OBSERVATION = "observation."
#: Where the objects are, which a camera must find out: not proprioception.
_PRIVILEGED = "observation.environment_state"


@dataclass(frozen=True)
class LeRobotFolder:
    """The episodes of a dataset, in order. Raises DatasetError."""

    path: Path

    def facts(self) -> Facts:
        info, env_args = self._info(), self._json(ENV_ARGS)
        name, env_kwargs = environment(env_args) if env_args else (None, {})
        stated, actions = env_args.get("env_kwargs", {}), self._json(STATS).get(ACTION)
        return Facts(
            env=name,
            env_kwargs=env_kwargs,
            control_hz=float(info["fps"]),
            horizon=stated.get("horizon") or max(e["length"] for e in self._episodes()),
            action_range=actions and (np.array(actions["min"]), np.array(actions["max"])),
        )

    def __len__(self) -> int:
        return self._info()["total_episodes"]

    def __iter__(self) -> Iterator[RawEpisode]:
        info = self._info()
        features, data = info["features"], _DataFiles(self.path, info["data_path"])
        films = {
            key: FrameReader(self.path, info["video_path"], key, info["fps"])
            for key, feature in features.items()
            if feature["dtype"] == "video"
        }
        try:
            for episode in self._episodes():
                rows = data.rows(episode)
                filmed = {key: film.frames(episode) for key, film in films.items()}
                yield _raw(episode, rows, filmed, features)
        finally:
            for film in films.values():
                film.close()

    def _info(self) -> dict[str, Any]:
        info = self._json(INFO)
        version = str(info.get("codebase_version"))
        if version.partition(".")[0] != VERSION.partition(".")[0]:
            raise DatasetError(
                f"{self.path}: LeRobot's layout {version}, not {VERSION}; convert it with "
                "lerobot's own convert_dataset_v21_to_v30"
            )
        return info

    def _episodes(self) -> list[dict[str, Any]]:
        files = sorted(self.path.glob("meta/episodes/*/*.parquet"))
        if not files:
            raise DatasetError(f"{self.path}: no meta/episodes; copy or download it again")
        rows = [row for file in files for row in _table(file).to_pylist()]
        return sorted(rows, key=lambda row: row["episode_index"])

    def _json(self, name: str) -> dict[str, Any]:
        """A JSON file, empty if there is none."""
        path = self.path / name
        return json.loads(path.read_text()) if path.is_file() else {}


def _table(path: Path) -> Any:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; copy or download the dataset again")
    schema = parquet(path).read_schema(path)
    # Statistics make up most of the columns.
    columns = [name for name in schema.names if not name.startswith("stats/")]
    return parquet(path).read_table(path, columns=columns)


class _DataFiles:
    """Rows by episode; the file that was read last is kept."""

    def __init__(self, root: Path, template: str):
        self._root, self._template = root, template
        self._path: Path | None = None
        self._table: Any = None

    def rows(self, episode: dict[str, Any]) -> dict[str, list]:
        """Column -> values."""
        import pyarrow.compute

        place = {key: episode[f"data/{key}"] for key in ("chunk_index", "file_index")}
        path = self._root / self._template.format(**place)
        if path != self._path:
            self._path, self._table = path, _table(path)
        chosen = pyarrow.compute.equal(self._table["episode_index"], episode["episode_index"])
        return self._table.filter(chosen).to_pydict()


def _raw(
    episode: dict[str, Any],
    rows: dict[str, list],
    filmed: dict[str, np.ndarray],
    features: dict[str, dict],
) -> RawEpisode:
    if ACTION not in rows:
        raise DatasetError(f"no feature {ACTION!r}; there are {', '.join(rows)}")
    steps = len(rows[ACTION])
    images: dict[str, np.ndarray] = {}
    proprio: dict[str, np.ndarray] = {}
    for key, feature in features.items():
        if feature["dtype"] in ("video", "image"):
            name = key.removeprefix(CAMERA).removeprefix(_OBSERVATION)
            images[name] = filmed[key] if key in filmed else _pictures(rows[key])
        elif key.startswith(_OBSERVATION) and "float" in feature["dtype"] and key != _PRIVILEGED:
            vector = np.array(rows[key]).reshape(steps, -1)
            proprio |= _parts(key, vector, feature.get("names"))
    return RawEpisode(
        name=f"episode {episode['episode_index']}",
        images=images,
        proprio=proprio,
        actions=np.array(rows[ACTION]).reshape(steps, -1),
        marks={
            rule: np.array(rows[key]) > 0
            for rule, key in ((None, SUCCESS), ("termination", DONE))
            if key in rows
        },
        rewards=np.array(rows[REWARD]) if REWARD in rows else None,
    )


def _pictures(column: list[dict[str, Any]]) -> np.ndarray:
    """Pictures packed as files, uint8 [T, H, W, 3]."""
    import imageio.v3 as imageio

    return np.stack([imageio.imread(io.BytesIO(picture["bytes"]))[..., :3] for picture in column])


def _parts(key: str, vector: np.ndarray, names: Any) -> dict[str, np.ndarray]:
    """Our own files name the numbers of a state <proprioception>.<number>: taken apart again."""
    labels = [str(name).rpartition(".") for name in names] if isinstance(names, list) else []
    if key != STATE or not labels or not all(part and n.isdigit() for part, _, n in labels):
        return {key.removeprefix(_OBSERVATION): vector}
    owners = [part for part, _, _ in labels]
    return {
        part: vector[:, [number for number, owner in enumerate(owners) if owner == part]]
        for part in dict.fromkeys(owners)
    }
