"""What the parts of `env_args` may be: a stranger wrote them."""

import json
import sys
from collections.abc import Callable
from math import inf
from reprlib import repr as short
from typing import Any

from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.names import clause


def parsed_env_args(text: Any, place: str) -> dict[str, Any]:
    """`env_args` out of its JSON, every part of the type that robomimic gives it.

    `place` begins the sentence of the DatasetError that is raised for anything else.
    """
    return checked_env_args(parsed_json(text, "env_args", place), place)


def parsed_json(text: Any, key: str, place: str) -> Any:
    """Whatever the JSON under `key` says. Raises DatasetError, which begins with `place`."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{place}: {key} is not JSON ({clause(error)}); write it again"
        ) from error


def checked_env_args(env_args: Any, place: str) -> dict[str, Any]:
    """`env_args` with `env_kwargs` in it. Raises DatasetError as `parsed_env_args` does."""
    if not isinstance(env_args, dict) or env_args.get("env_name") is None:
        raise DatasetError(f"{place}: env_args names no 'env_name'; add it")
    env_args |= {"env_kwargs": env_args.get("env_kwargs") or {}}
    _check(env_args, _PARTS, place)
    _check(env_args["env_kwargs"], _KWARGS, place)
    return env_args


def _check(given: dict[str, Any], table: dict[str, "_Rule"], place: str) -> None:
    for key, (fits, meaning) in table.items():
        value = given.get(key)
        if value is not None and not fits(value):
            raise DatasetError(
                f"{place}: env_args: {key} is {short(value)}, not {meaning}; write it again"
            )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _number_within(least: float, most: float, *kinds: type) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        counts = isinstance(value, kinds) and not isinstance(value, bool)
        return counts and bool(least <= value <= most)

    return fits


def _is_range(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(isinstance(v, list) for v in value)
    return pair and len(value[0]) == len(value[1]) > 0 and all(map(_finite, value[0] + value[1]))


_finite = _number_within(-sys.float_info.max, sys.float_info.max, int, float)


#: Steps of an episode, at most.
MOST_STEPS = 10**6
_Rule = tuple[Callable[[Any], bool], str]
_MAPPING: _Rule = (lambda value: isinstance(value, dict), "a mapping")
_SIDE: _Rule = (_number_within(1, 8192, int), "a whole number of pixels from 1 to 8192")
_PARTS: dict[str, _Rule] = {
    "env_name": (_is_name, "a name"),
    "env_version": (lambda value: isinstance(value, str), "text"),
    "type": (_number_within(-inf, inf, int), "a whole number"),
    "env_type": (_number_within(-inf, inf, int), "a whole number"),
    "env_kwargs": _MAPPING,
    "calql_vision": _MAPPING,
    "proprio_keys": (_are_names, "a list of names"),
    "action_range": (_is_range, "two lists of as many numbers"),
}
_KWARGS: dict[str, _Rule] = {
    "camera_names": (lambda value: _is_name(value) or _are_names(value), "a list of names"),
    "camera_heights": _SIDE,
    "camera_widths": _SIDE,
    "horizon": (_number_within(0, MOST_STEPS, int), "a whole number of steps up to a million"),
    "control_freq": (_number_within(0, 10**5, int, float), "a number of steps per second"),
}
