"""Which demos, cameras and proprioception to take from a file, and at which image size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from calql_vision.datasets.env_args import camera_names, env_spec, environment, read_env_args
from calql_vision.datasets.hdf5_arrays import datasets_in, fault, stored_array
from calql_vision.datasets.hdf5_layout import IMAGE_SUFFIX, listing
from calql_vision.datasets.names import checked_name
from calql_vision.datasets.part import ALL, Part
from calql_vision.types import EnvSpec

_Datasets = dict[str, h5py.Dataset]
#: robomimic's defaults, taken where neither the caller nor env_args chooses.
ROBOMIMIC_CAMERAS = ("agentview", "robot0_eye_in_hand")
ROBOMIMIC_PROPRIO = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")


@dataclass(frozen=True)
class Selection:
    """What to take from a file; None means found by itself.

    filter_key: the demos that `mask/<filter_key>` lists; by itself: all of them.
    cameras: with or without `_image`. By itself: the cameras of env_args that the file has, else
    those of robomimic's two that it has, else every uint8 [T, H, W, 3], by name. [] is none.
    proprio_keys: by itself: env_args' own `proprio_keys` (files of ours), else those of robomimic's
    three that the file has, else every float [T, n], by name. [] is none.
    image_size: a side or (height, width) in pixels; by itself as stored. Other sizes are resized
    bilinearly with antialiasing; better is to render at the size that the agent sees (`convert`).
    part: which episodes come with images, by their number; the others come without cameras.
    """

    filter_key: str | None = None
    cameras: Sequence[str] | None = None
    proprio_keys: Sequence[str] | None = None
    image_size: int | tuple[int, int] | None = None
    part: Part = ALL


EVERYTHING = Selection()


def find_spec(file: h5py.File, names: list[str], selection: Selection) -> EnvSpec:
    """What every demo in `names` must agree with: env_args and the arrays of the first."""
    demos, env_args = [file["data"][name] for name in names], read_env_args(file)
    demo = demos[0]
    obs = datasets_in(demo, "obs")
    cameras = _cameras(demo, obs, env_args, selection.cameras)
    proprio_keys = _proprio_keys(demo, obs, env_args, selection.proprio_keys)
    for name in (*cameras, *proprio_keys):
        checked_name(name, f"{file.filename}: an observation")
    action_shapes = [stored_array(each, "actions", ndim=2).shape for each in demos]
    if action_shapes[0][1] == 0:
        raise fault(demo, "actions", "holds no number per step; drop or repair the demo")
    return env_spec(
        env_args,
        cameras=tuple(key.removesuffix(IMAGE_SUFFIX) for key in cameras),
        image_size=_image_size(demos, cameras, selection.image_size),
        proprio={key: stored_array(demo, f"obs/{key}", ndim=2).shape[1] for key in proprio_keys},
        action_dim=action_shapes[0][1],
        longest=max(length for length, _ in action_shapes),
    )


@dataclass(frozen=True)
class Stored:
    """What a file has to choose from, by its first demo."""

    env: str  # "family/task"
    cameras: tuple[str, ...]
    proprio: dict[str, int]  # name -> width
    action_dim: int


def stored(file: h5py.File, names: list[str]) -> Stored:
    """All of it. Raises DatasetError."""
    demo = file["data"][names[0]]
    obs = datasets_in(demo, "obs")
    images = [key for key in sorted(obs) if obs[key].ndim == 4]
    return Stored(
        env=environment(read_env_args(file))[0],
        cameras=tuple(key.removesuffix(IMAGE_SUFFIX) for key in images),
        proprio={key: obs[key].shape[1] for key in sorted(obs) if obs[key].ndim == 2},
        action_dim=stored_array(demo, "actions", ndim=2).shape[1],
    )


def camera_key(demo: h5py.Group, camera: str) -> str:
    """The key in `obs` of a camera named with or without `_image`."""
    images = [key for key, data in datasets_in(demo, "obs").items() if data.ndim == 4]
    for key in (camera, camera + IMAGE_SUFFIX):
        if key in images:
            return key
    raise fault(demo, "obs", f"has no camera {camera!r}; it has {listing(images)}")


def _cameras(
    demo: h5py.Group, obs: _Datasets, env_args: dict[str, Any], wanted: Sequence[str] | None
) -> list[str]:
    if wanted is not None:
        return [camera_key(demo, name) for name in wanted]
    images = {key: obs[key] for key in sorted(obs) if obs[key].ndim == 4}
    for names in (camera_names(env_args), ROBOMIMIC_CAMERAS):
        present = [name + IMAGE_SUFFIX for name in names if name + IMAGE_SUFFIX in images]
        if present:
            return present
    coloured = [key for key, data in images.items() if data.shape[-1] == 3]
    # Float images are refused by name when read; better than a claim that there are none.
    found = [key for key in coloured if images[key].dtype == np.uint8] or coloured
    if not found:
        raise fault(demo, "obs", "holds no images [T, H, W, 3]; render them with `convert`")
    return found


def _proprio_keys(
    demo: h5py.Group, obs: _Datasets, env_args: dict[str, Any], wanted: Sequence[str] | None
) -> list[str]:
    vectors = [key for key in sorted(obs) if obs[key].ndim == 2 and obs[key].dtype.kind == "f"]
    wanted = env_args.get("proprio_keys") if wanted is None else wanted
    if wanted is None:
        return [key for key in ROBOMIMIC_PROPRIO if key in vectors] or vectors
    for key in wanted:
        if key not in obs:
            raise fault(demo, "obs", f"has no proprioception {key!r}; it has {listing(vectors)}")
    return list(wanted)


def _image_size(
    demos: list[h5py.Group], cameras: list[str], wanted: int | tuple[int, int] | None
) -> tuple[int, int]:
    """The size asked for, or else the one that every image of the file has."""
    if wanted is not None:
        return (wanted, wanted) if isinstance(wanted, int) else (wanted[0], wanted[1])
    size = stored_array(demos[0], f"obs/{cameras[0]}", ndim=4).shape[1:3]
    if 0 in size:
        raise fault(demos[0], f"obs/{cameras[0]}", f"is {size} pixels, so nothing; store it again")
    for demo in demos:
        for key in cameras:
            found = stored_array(demo, f"obs/{key}", ndim=4).shape[1:3]
            if found != size:
                raise fault(
                    demo,
                    f"obs/{key}",
                    f"is {found} pixels, the first images {size}; set image_size",
                )
    return size
