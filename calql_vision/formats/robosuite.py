"""A folder of robosuite's DataCollectionWrapper, as `collect_human_demonstrations` makes it.

    ep_<time>/model.xml          the episode's MJCF
    ep_<time>/ep_meta.json       what else makes up the scene, from robosuite 1.5 on
    ep_<time>/state_<time>.npz   states, action_infos, successful, env; a hundred steps each

All episodes are taken, failed ones too, which robosuite's own gathering leaves out. The `.npz`
files hold pickled objects, which can run code as they are read: take folders of your own.
Source: robosuite/wrappers/data_collection_wrapper.py of robosuite 1.5.2.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.hdf5_write import write_split
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
        return {"env_name": f"robosuite/{first['env']}", "env_kwargs": {}}

    def names(self) -> list[str]:
        return [f"demo_{number}" for number in range(len(self._episodes()))]

    def read(self, name: str) -> Recording:
        episode = self._episode(name)
        chunks = self._chunks(episode)
        states = np.concatenate([chunk["states"] for chunk in chunks if len(chunk["states"])])
        infos = [info for chunk in chunks for info in chunk["action_infos"]]
        if len(states) != len(infos) + 1:
            raise DatasetError(
                f"{episode}: {len(states)} states around {len(infos)} actions, not one more; "
                "the episode was not closed: remove its folder"
            )
        return Recording(
            states=states,
            actions=np.array([info["actions"] for info in infos], dtype=np.float32),
            model=(episode / "model.xml").read_text(),
            has_rewards=False,
        )

    def copy_demo(self, name: str, demo: h5py.Group) -> None:
        recording, meta = self.read(name), self._episode(name) / "ep_meta.json"
        demo["actions"] = recording.actions
        demo["states"] = recording.states[:-1]
        demo.attrs["model_file"] = recording.model
        if meta.is_file():
            demo.attrs["ep_meta"] = meta.read_text()

    def copy_rest(self, file: h5py.File) -> None:
        write_split(file, len(self._episodes()))

    def _episodes(self) -> list[Path]:
        """Folders that hold at least one step."""
        return sorted({state.parent for state in self.path.glob("ep_*/state_*.npz")}, key=_time)

    def _episode(self, name: str) -> Path:
        return self._episodes()[int(name.removeprefix("demo_"))]

    def _chunks(self, episode: Path) -> list[dict[str, np.ndarray]]:
        files = sorted(episode.glob("state_*.npz"), key=_time)
        return [dict(np.load(file, allow_pickle=True)) for file in files]


def _time(path: Path) -> tuple[int, str]:
    """Of `name_<seconds>_<decimals>`, in an order that decimals without their zeros keep."""
    _, seconds, decimals = path.stem.split("_")
    return int(seconds), decimals
