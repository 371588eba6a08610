"""Pixels for a file that has simulator states: every state is rendered again."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tqdm import tqdm

from calql_vision.datasets.hdf5_arrays import fault, numbers, stored_array, take
from calql_vision.datasets.hdf5_layout import (
    camera_names,
    demo_names,
    dump_env_args,
    further_kwargs,
    open_dataset,
    read_env_args,
)
from calql_vision.datasets.hdf5_write import (
    check_storage,
    write_dones,
    write_observations,
)
from calql_vision.datasets.whole_file import whole_file
from calql_vision.envs import make_env
from calql_vision.stages.collect import check_output, software_versions
from calql_vision.stages.parallel import map_in_order
from calql_vision.types import EnvObservation, EnvSpec, PixelEnv


@dataclass
class ConvertConfig:
    """A file with states -> a file with images in the same layout, of the same demos."""

    source: str = ""  # path of a file with `states`, whose env_args name a known environment
    output: str | None = None  # path of the result; null: <source>_pixels.hdf5 beside the source
    cameras: list[str] | None = None  # in order; null: those of env_args, or the family's own
    image_size: int | None = None  # side of the square images, pixels; null: env_args', or 48
    gzip: bool = False  # smaller, slower to read
    next_obs: bool = False  # store every observation twice, and the last one at all
    done_mode: int = 2  # dones are 1: 0 in success, 1 at the last step, 2 both
    processes: int = 1  # changes the time, not the result
    overwrite: bool = False  # replace an existing file


def run(config: ConvertConfig) -> Path:
    """Render all demos of the source; names, masks, attributes and all but observations are kept.

    As robomimic does, the last action of a demo is stepped once more for its last observation,
    and rewards, where the file has none, come from stepping every stored state. Raises
    DatasetError for a file that cannot be rendered, ValueError for an impossible configuration.
    """
    if not config.source:
        raise ValueError("source is not set; give source=<a file with simulator states>")
    source = Path(config.source)
    output = Path(config.output or source.with_name(f"{source.stem}_pixels.hdf5"))
    check_output(output, config.overwrite)
    check_storage(_compression(config), config.done_mode)
    with open_dataset(source) as file:
        rebuild = _environment(read_env_args(file), config)
        with whole_file(output) as path, h5py.File(path, "w") as converted:
            _convert(file, converted, rebuild, config)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
    return output


def _compression(config: ConvertConfig) -> str | None:
    return "gzip" if config.gzip else None


def _environment(env_args: dict[str, Any], config: ConvertConfig) -> Callable[[], PixelEnv]:
    """What builds the environment of env_args, seen as the configuration wants it."""
    kwargs = env_args["env_kwargs"]
    stored_size = (kwargs.get("camera_heights", 48), kwargs.get("camera_widths", 48))
    return partial(
        make_env,
        env_args["env_name"],
        cameras=config.cameras or camera_names(env_args) or None,
        image_size=config.image_size or stored_size,
        horizon=kwargs.get("horizon"),
        **further_kwargs(env_args),
    )


def _convert(
    file: h5py.File, converted: h5py.File, rebuild: Callable[[], PixelEnv], config: ConvertConfig
) -> None:
    names, data = demo_names(file), converted.create_group("data")
    spec, total = _spec(rebuild), 0
    data.attrs.update(file["data"].attrs)
    data.attrs["env_args"] = dump_env_args(spec, software_versions())
    if "mask" in file:
        file.copy("mask", converted)
    worker = partial(Replayer, file.filename, rebuild)
    rendered = map_in_order(worker, names, config.processes)
    for name, replay in tqdm(zip(names, rendered, strict=True), "convert", len(names), unit="demo"):
        demo = data.create_group(name)
        _copy_rest(file["data"][name], demo)
        if "rewards" not in demo:
            demo["rewards"] = replay.rewards
        write_dones(demo, config.done_mode)
        write_observations(
            demo,
            spec,
            replay.images,
            replay.proprio,
            compression=_compression(config),
            next_obs=config.next_obs,
        )
        total += len(demo["actions"])
    data.attrs["total"] = total


def _spec(rebuild: Callable[[], PixelEnv]) -> EnvSpec:
    env = rebuild()
    try:
        return env.pixel_spec
    finally:
        env.close()


def _copy_rest(source: h5py.Group, demo: h5py.Group) -> None:
    """Everything of a demo that is not made anew."""
    demo.attrs.update(source.attrs)
    for key in source:
        if key not in ("obs", "next_obs", "dones"):
            source.copy(key, demo)


@dataclass(frozen=True)
class Replay:
    """One demo, rendered."""

    images: np.ndarray  # uint8 [T+1, V, H, W, 3]
    proprio: np.ndarray  # float32 [T+1, P]
    rewards: np.ndarray | None  # float32 [T], where the file has none


class Replayer:
    """Renders a demo of `source` by its name."""

    def __init__(self, source: str, rebuild: Callable[[], PixelEnv]):
        self._source, self._env = source, rebuild()
        self._env.reset(seed=0)

    def __call__(self, name: str) -> Replay:
        with open_dataset(self._source) as file:
            demo = file["data"][name]
            self._check_model(demo)
            actions = numbers(demo, "actions", ndim=2)
            states = stored_array(demo, "states", ndim=2, length=len(actions))
            states = take(demo, states, slice(None))
            try:
                observations = self._observe(states, actions)
                rewards = None if "rewards" in demo else self._rewards(states, actions)
            except ValueError as error:
                raise fault(demo, "states", f"do not fit the environment: {error}") from error
        return Replay(
            images=np.stack([o["images"] for o in observations]),
            proprio=np.stack([o["proprio"] for o in observations]),
            rewards=rewards,
        )

    def _observe(self, states: np.ndarray, actions: np.ndarray) -> list[EnvObservation]:
        """Of all states, and of the one after the last action."""
        observations = [self._env.set_state(state) for state in states]
        last, *_ = self._env.step(actions[-1])
        return [*observations, last]

    def _rewards(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        rewards = []
        for state, action in zip(states, actions, strict=True):
            self._env.set_state(state)
            rewards.append(self._env.step(action)[1])
        return np.array(rewards, dtype=np.float32)

    def _check_model(self, demo: h5py.Group) -> None:
        model = self._env.model_xml()
        if demo.attrs.get("model_file", model) != model:
            warnings.warn(
                f"{self._source}: the stored model is not the environment's; "
                "the states may look different from what was recorded",
                stacklevel=2,
            )

    def close(self) -> None:
        self._env.close()
