"""The folder `meta` of a LeRobot dataset, read and checked; see `calql_vision.formats.lerobot`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np

from calql_vision.datasets.env_args_types import parsed_env_args
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.names import checked_name, clause
from calql_vision.formats.lerobot import ACTION, DATA, ENV_ARGS, INFO, STATS, VERSION, VIDEO
from calql_vision.formats.lerobot_table import read_table

_PICTURES = ("image", "video")


@dataclass(frozen=True)
class Meta:
    """What a dataset says of itself. Everything raises DatasetError."""

    root: Path

    @cached_property
    def info(self) -> dict[str, Any]:
        """info.json: `fps`, `features`, `total_episodes` and more."""
        info = self._json(INFO)
        version = str(info.get("codebase_version"))
        if version.partition(".")[0] != VERSION.partition(".")[0]:
            raise DatasetError(
                f"{self.root}: LeRobot's layout {version}, not {VERSION}; convert it with "
                "lerobot's own convert_dataset_v21_to_v30"
            )
        self._check(info, "fps", _is_rate, "a number of frames per second")
        self._check(info, "total_episodes", _is_count, "a number of episodes")
        self._check(info, "features", _are_features, "a mapping of features, each with a dtype")
        # What is elsewhere is not followed: a path of a file's own could lead anywhere.
        self._check(info, "data_path", DATA.__eq__, repr(DATA))
        if any(feature["dtype"] == "video" for feature in info["features"].values()):
            self._check(info, "video_path", VIDEO.__eq__, repr(VIDEO))
        for key in info["features"]:
            checked_name(key, f"{self.root}: a feature")
        return info

    @cached_property
    def env_args(self) -> dict[str, Any]:
        """Ours, or empty."""
        path = self.root / ENV_ARGS
        return parsed_env_args(_text(path), str(path)) if path.is_file() else {}

    @cached_property
    def action_range(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Least and greatest action in the data, [A] each, where stats.json tells."""
        stated = self._json(STATS).get(ACTION)
        if not isinstance(stated, dict):
            return None
        try:
            low, high = (np.array(stated[key], dtype=np.float64) for key in ("min", "max"))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{self.root}: {STATS}: no range of {ACTION} ({clause(error)})"
            ) from error
        if low.ndim != 1 or low.shape != high.shape:
            raise DatasetError(f"{self.root}: {STATS}: {ACTION} is {low.shape} to {high.shape}")
        return low, high

    @cached_property
    def episodes(self) -> list[dict[str, Any]]:
        """Where each lies: rows of meta/episodes in order."""
        files = sorted(self.root.glob("meta/episodes/*/*.parquet"))
        if not files:
            raise DatasetError(f"{self.root}: no meta/episodes; copy or download it again")
        rows = [row for file in files for row in read_table(file).to_pylist()]
        for row in rows:
            self._check_row(row)
        return sorted(rows, key=lambda row: row["episode_index"])

    def _check_row(self, row: dict[str, Any]) -> None:
        counts = ["episode_index", "length", "data/chunk_index", "data/file_index"]
        for key, feature in self.info["features"].items():
            if feature["dtype"] == "video":
                counts += [f"videos/{key}/chunk_index", f"videos/{key}/file_index"]
                self._check(row, f"videos/{key}/from_timestamp", _is_time, "a time in seconds")
        for key in counts:
            self._check(row, key, _is_count, "a whole number from 0 on")

    def _json(self, name: str) -> dict[str, Any]:
        """A JSON file, empty if there is none."""
        path = self.root / name
        if not path.is_file():
            return {}
        try:
            content = json.loads(_text(path))
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{path}: is no JSON ({clause(error)}); copy it again") from error
        if not isinstance(content, dict):
            raise DatasetError(f"{path}: is no JSON object; copy it again")
        return content

    def _check(
        self, given: dict[str, Any], key: str, fits: Callable[[Any], Any], meaning: str
    ) -> None:
        value = given.get(key)
        if fits(value) is not True:
            raise DatasetError(f"{self.root}: {key} is {short(value)}, not {meaning}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is no text ({clause(error)}); copy it again") from error


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < 2**40


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value <= 10**5


def _are_features(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_feature, value.values()))


def _is_feature(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("dtype"), str):
        return False
    shape = value.get("shape")
    return value["dtype"] not in _PICTURES or (
        isinstance(shape, list) and len(shape) == 3 and all(map(_is_count, shape))
    )
