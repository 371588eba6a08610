"""Small real data of every format, each as its own project writes it."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import minari
import numpy as np
from gymnasium.spaces import Box, Dict
from minari.data_collector import EpisodeBuffer

from calql_vision.datasets.hdf5_write import EpisodeWriter
from calql_vision.engine.rollout import rollout
from calql_vision.envs import make_env
from calql_vision.types import EnvSpec, Episode, Policy

LEROBOT = Path(__file__).parents[1] / "lerobot_v3/dataset.zip"
_SPEC = EnvSpec("tabletop/reach", ("front", "wrist"), (8, 8), {"arm": 3}, 4, 6, 10.0)
_STEPS = (3, 5)


def make_sources(folder: Path) -> None:
    """One of each below `folder`, under the format's name."""
    for name, make in _MAKERS.items():
        make(folder / name)


def _episode(number: int) -> Episode:
    steps, random = _STEPS[number], np.random.default_rng(number)
    rewards = np.zeros(steps, dtype=np.float32)
    rewards[-1] = success = number == 0
    return Episode(
        images=random.integers(0, 256, (steps + 1, 2, 8, 8, 3), dtype=np.uint8),
        proprio=random.normal(size=(steps + 1, 3)).astype(np.float32),
        actions=random.uniform(-1, 1, (steps, 4)).astype(np.float32),
        rewards=rewards,
        success=success,
    )


def _pixels(path: Path, **storage: Any) -> None:
    path.mkdir()
    with EpisodeWriter(path / "data.hdf5", _SPEC, versions={"it": "1"}, **storage) as writer:
        for number in range(2):
            writer.append(_episode(number))


def _packed_pixels(path: Path) -> None:
    _pixels(path, compression="gzip", next_obs=True)


class _Still(Policy):
    def reset(self) -> None: ...

    def act(self, observation: Any) -> np.ndarray:
        return np.zeros(4, dtype=np.float32)


def _states(path: Path) -> None:
    path.mkdir()
    env = make_env("tabletop/reach", image_size=8, horizon=4)
    with EpisodeWriter(path / "data.hdf5", env.pixel_spec, versions={}) as writer:
        for seed in range(2):
            writer.append(rollout(env, _Still(), seed=seed, record_states=True))
    env.close()


def _npz(path: Path) -> None:
    path.mkdir()
    for number in range(2):
        episode = _episode(number)
        np.savez_compressed(
            path / f"{number}.npz",
            front_image=episode.images[:, 0],
            arm=episode.proprio,
            actions=episode.actions,
            success=np.array(episode.success),
            rewards=episode.rewards,
        )


def _lerobot(path: Path) -> None:
    with zipfile.ZipFile(LEROBOT) as archive:
        archive.extractall(path)


def _minari(path: Path, data_format: str = "hdf5") -> None:
    buffers = [
        EpisodeBuffer(
            observations={
                "front": list(np.random.default_rng(n).integers(0, 256, (4, 32, 32, 3), np.uint8)),
                "arm": [np.full(3, n, dtype=np.float32)] * 4,
            },
            actions=[np.zeros(2, dtype=np.float32)] * 3,
            rewards=[0.0, 0.0, float(n)],
            terminations=[False, False, bool(n)],
            truncations=[False, False, not n],
            infos={"success": [False, False, False, bool(n)]},
        )
        for n in range(2)
    ]
    space: dict[str, Any] = {
        "front": Box(0, 255, (32, 32, 3), np.uint8),
        "arm": Box(-np.inf, np.inf, (3,)),
    }
    made = minari.create_dataset_from_buffers(
        f"faults/{data_format}-v0",
        buffers,
        action_space=Box(-1, 1, (2,)),
        observation_space=Dict(space),
        data_format=data_format,
    )
    shutil.copytree(made.storage.data_path, path / "data")
    minari.delete_dataset(f"faults/{data_format}-v0")


def _minari_arrow(path: Path) -> None:
    _minari(path, "arrow")


def _robosuite(path: Path) -> None:
    for number, steps in enumerate(_STEPS):
        folder = path / f"ep_170000000{number}_5"
        folder.mkdir(parents=True)
        (folder / "model.xml").write_text("<mujoco><worldbody/></mujoco>")
        (folder / "ep_meta.json").write_text(json.dumps({"lang": "lift"}))
        states = np.random.default_rng(number).normal(size=(steps + 1, 7))
        infos = [{"actions": np.full(4, 0.5)} for _ in range(steps)]
        np.savez(
            folder / f"state_170000000{number}_7.npz",
            states=states,
            action_infos=np.array(infos, dtype=object),
            successful=False,
            env="Lift",
        )


_MAKERS = {
    "hdf5": _pixels,
    "hdf5 packed": _packed_pixels,
    "states": _states,
    "npz": _npz,
    "lerobot": _lerobot,
    "minari": _minari,
    "minari arrow": _minari_arrow,
    "robosuite": _robosuite,
}
FORMATS = tuple(_MAKERS)
