"""A folder of robosuite's DataCollectionWrapper, as `collect_human_demonstrations` makes it.

    ep_<time>/model.xml          the episode's MJCF
    ep_<time>/ep_meta.json       what else makes up the scene, from robosuite 1.5 on
    ep_<time>/state_<time>.npz   states, action_infos, successful, env; a hundred steps each

All episodes are taken, failed ones too, which robosuite's own gathering leaves out. The `.npz`
files hold pickled objects, which are read as plain ones; see `calql_vision.formats.plain_objects`.
Source: robosuite/wrappers/data_collection_wrapper.py of robosuite 1.5.2.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError, listing
from calql_vision.datasets.hdf5_write import write_split
from calql_vision.datasets.names import checked_name, clause
from calql_vision.formats.npz_archive import read_npz
from calql_vision.formats.states import Recording


def is_robosuite_folder(path: Path) -> bool:
    """Whether a folder holds episodes of a DataCollectionWrapper."""
    return any(path.glob("ep_*/state_*.npz"))


@dataclass(frozen=True)
class RobosuiteFolder:
    """The episodes of a folder by their time, called demo_0, demo_1, ... Raises DatasetError."""

    path: Path

    def env_args(self) -> dict[str, Any]:
        """The folder names the environment, not its robot or controller."""
        first = self._chunks(self._episodes()[0])[0]
        name = checked_name(str(first["env"]), f"{self.path}: env")
        return {"env_name": f"robosuite/{name}", "env_kwargs": {}}

    def names(self) -> list[str]:
        return [f"demo_{number}" for number in range(len(self._episodes()))]

    def read(self, name: str) -> Recording:
        episode = self._episode(name)
        chunks = self._chunks(episode)
        states = _numbers(episode, "states", [row for c in chunks for row in c["states"]], 64)
        infos = [info for chunk in chunks for info in chunk["action_infos"]]
        if len(states) != len(infos) + 1:
            raise DatasetError(
                f"{episode}: {len(states)} states around {len(infos)} actions, not one more; "
                "the episode was not closed: remove its folder"
            )
        if not all(isinstance(info, dict) and "actions" in info for info in infos):
            raise DatasetError(f"{episode}: action_infos without 'actions'; remove the folder")
        return Recording(
            states=states,
            actions=_numbers(episode, "actions", [info["actions"] for info in infos], 32),
            model=_text(episode / "model.xml"),
            has_rewards=False,
        )

    def copy_demo(self, name: str, demo: h5py.Group) -> None:
        recording, meta = self.read(name), self._episode(name) / "ep_meta.json"
        demo["actions"] = recording.actions
        demo["states"] = recording.states[:-1]
        demo.attrs["model_file"] = recording.model
        if meta.is_file():
            demo.attrs["ep_meta"] = _text(meta)

    def copy_rest(self, file: h5py.File) -> None:
        write_split(file, len(self._episodes()))

    def _episodes(self) -> list[Path]:
        """Folders that hold at least one step."""
        return sorted({state.parent for state in self.path.glob("ep_*/state_*.npz")}, key=_time)

    def _episode(self, name: str) -> Path:
        return self._episodes()[int(name.removeprefix("demo_"))]

    def _chunks(self, episode: Path) -> list[dict[str, Any]]:
        return [_chunk(file) for file in sorted(episode.glob("state_*.npz"), key=_time)]


def _chunk(path: Path) -> dict[str, Any]:
    found = read_npz(path, objects=["action_infos"])
    missing = {"states", "action_infos", "env"} - set(found)
    if missing:
        raise DatasetError(f"{path}: no {listing(missing)}; remove its folder")
    if not isinstance(found["action_infos"], list) or found["states"].ndim == 0:
        raise DatasetError(f"{path}: states or action_infos are no lists; remove its folder")
    return found


def _numbers(episode: Path, key: str, rows: list[Any], bits: int) -> np.ndarray:
    """Rows of finite numbers, float [T, n]."""
    try:
        with np.errstate(over="ignore"):
            array = np.array(rows, dtype=f"f{bits // 8}")
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{episode}: {key} are no rows of numbers ({clause(error)})") from error
    if array.ndim != 2 or not np.isfinite(array).all():
        raise DatasetError(f"{episode}: {key} are not finite numbers [T, n]; remove its folder")
    return array


def _text(path: Path) -> str:
    content = path.read_bytes()
    if b"\0" in content:
        raise DatasetError(f"{path}: is no text; remove its folder")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is no text ({clause(error)}); remove its folder") from error


def _time(path: Path) -> tuple[int, str]:
    """Of `name_<seconds>_<decimals>`, in an order that decimals without their zeros keep."""
    found = re.fullmatch(r"[a-z]+_([0-9]{1,18})_([0-9]+)", path.stem)
    if not found:
        raise DatasetError(f"{path}: no time in its name, such as state_1700000000_25; remove it")
    return int(found[1]), found[2]
