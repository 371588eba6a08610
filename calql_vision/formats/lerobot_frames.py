"""The frames of a LeRobot dataset: which features they have, and an episode's as columns."""

from typing import Any

import numpy as np

from calql_vision.formats.film import CODEC, pixel_format
from calql_vision.formats.lerobot import ACTION, CAMERA, DONE, REWARD, STATE, SUCCESS
from calql_vision.types import EnvSpec, Episode

_NUMBERS = {"timestamp": "float32"} | dict.fromkeys(
    ("frame_index", "episode_index", "index", "task_index"), "int64"
)


def frame_features(spec: EnvSpec, fps: int, lossless: bool) -> dict[str, dict[str, Any]]:
    """What a frame holds, as info.json says it."""
    states = [f"{key}.{number}" for key, width in spec.proprio.items() for number in range(width)]
    actions = [f"action.{number}" for number in range(spec.action_dim)]
    features = {STATE: _feature("float32", [len(states)], states)} if states else {}
    features |= {ACTION: _feature("float32", [spec.action_dim], actions)}
    features |= {REWARD: _feature("float32"), DONE: _feature("bool"), SUCCESS: _feature("bool")}
    height, width = spec.image_size
    for camera in spec.cameras:
        picture = _feature("video", [height, width, 3], ["height", "width", "channels"])
        film = {"height": height, "width": width, "codec": CODEC, "fps": fps, "channels": 3}
        film |= {"pix_fmt": pixel_format(spec.image_size), "is_depth_map": False}
        picture["info"] = {f"video.{key}": value for key, value in film.items()}
        picture["info"]["has_audio"] = False
        if lossless:
            picture = _feature("image", picture["shape"], picture["names"])
        features[f"{CAMERA}{camera}"] = picture
    return features | {key: _feature(kind) for key, kind in _NUMBERS.items()}


def _feature(kind: str, shape: list[int] | None = None, names: list[str] | None = None) -> dict:
    return {"dtype": kind, "shape": shape or [1], "names": names}


def frame_columns(episode: Episode, number: int, first: int, fps: int) -> dict[str, np.ndarray]:
    """The frames of an episode but for their images, a row each."""
    steps = len(episode)
    frame, last = np.arange(steps), np.arange(steps) == steps - 1
    states = {STATE: episode.proprio[:-1]} if episode.proprio.shape[1] else {}
    return states | {
        ACTION: episode.actions,
        REWARD: episode.rewards,
        DONE: last,
        SUCCESS: last & episode.success,
        "timestamp": (frame / fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(steps, number),
        "index": first + frame,
        "task_index": np.zeros(steps, dtype=np.int64),
    }
