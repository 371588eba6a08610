"""The schema of a LeRobot dataset, version 3.0: files, features of a frame, statistics.

    meta/info.json                               fps, features, paths of the rest
    meta/stats.json                              of every feature, over the data set
    meta/tasks.parquet                           the tasks in words, and their numbers
    meta/episodes/chunk-000/file-000.parquet     a row per episode: where it lies, its statistics
    data/chunk-000/file-000.parquet              a row per frame, many episodes in a file
    videos/<camera>/chunk-000/file-000.mp4       the frames of the same episodes, one after another
    meta/env_args.json                           ours: the environment; LeRobot does not look at it

A frame is an observation and the action that follows, so that the observation after the last
action is not stored. Source: https://huggingface.co/docs/lerobot/lerobot-dataset-v3
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.formats.mp4 import CODEC, pixel_format
from calql_vision.types import EnvSpec, Episode

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
ENV_ARGS = "meta/env_args.json"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
STATE, ACTION, CAMERA = "observation.state", "action", "observation.images."
REWARD, DONE, SUCCESS = "next.reward", "next.done", "next.success"
_NUMBERS = {"timestamp": "float32"} | dict.fromkeys(
    ("frame_index", "episode_index", "index", "task_index"), "int64"
)
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def is_lerobot(path: Path) -> bool:
    """Whether a folder is a dataset of LeRobot, of any version."""
    return (path / INFO).is_file()


def parquet(path: Path) -> ModuleType:
    """pyarrow.parquet, which `path` needs; an error that says how to install it."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError(
            f"{path}: a LeRobot dataset needs pyarrow: pip install 'calql-vision[lerobot]'"
        ) from error
    return pyarrow.parquet


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


def feature_statistics(
    columns: dict[str, np.ndarray], images: dict[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """What LeRobot normalises with: feature -> min, max, mean, std, count and quantiles, as lists.

    Columns are [T] or [T, n]; images uint8 [T, H, W, 3], counted from 0 to 1 by channel and given
    as [3][1][1].
    """
    found = {key: _of(array.reshape(len(array), -1), len(array)) for key, array in columns.items()}
    for key, frames in images.items():
        facts = _of(frames.reshape(-1, 3), len(frames))
        count = facts.pop("count")
        channels = {n: (np.array(v) / 255)[:, None, None].tolist() for n, v in facts.items()}
        found[key] = channels | {"count": count}
    return found


def _of(rows: np.ndarray, count: int) -> dict[str, list]:
    rows = rows.astype(np.float64)
    facts = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    quantiles = np.quantile(rows, list(_QUANTILES.values()), axis=0)
    facts |= dict(zip(_QUANTILES, quantiles, strict=True))
    return {name: value.tolist() for name, value in facts.items()} | {"count": [count]}


def statistics_over_all(episodes: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Over all episodes; quantiles are the episodes' own, weighted by length, as LeRobot's are."""
    return {key: _over_all([episode[key] for episode in episodes]) for key in episodes[0]}


def _over_all(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    stacked = {name: np.array([facts[name] for facts in episodes]) for name in episodes[0]}
    counts = stacked.pop("count")[:, 0]

    def mean(values: np.ndarray) -> np.ndarray:
        return np.average(values, axis=0, weights=counts)

    centre = mean(stacked["mean"])
    spread = stacked["std"] ** 2 + (stacked["mean"] - centre) ** 2
    facts = {name: mean(stacked[name]) for name in ("mean", *_QUANTILES)}
    facts |= {"min": stacked["min"].min(0), "max": stacked["max"].max(0)}
    facts["std"] = np.sqrt(mean(spread))
    return {name: value.tolist() for name, value in facts.items()} | {"count": [int(counts.sum())]}
