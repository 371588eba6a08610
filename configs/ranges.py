"""The ranges that options state beside their defaults, and their check at a stage's door."""

import math
import re
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from typing import Any

from calql_vision.configs.plain_types import check_types

_RANGE = re.compile(r"([\[(])([^,]+), ([^,]+)([\])])")


def check_ranges(config: Any, prefix: str = "") -> None:
    """ValueError for a value of another type than its option's, and for a number outside its range.

    `config` is a dataclass of options, nested ones included; `prefix` is what its keys begin with
    ("algo.").
    """
    check_types(config, prefix)
    _check_numbers(config, prefix)


def _check_numbers(config: Any, prefix: str) -> None:
    for field in fields(config):
        value, key = getattr(config, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            _check_numbers(value, f"{key}.")
            continue
        within = stated(type(config), field.name, "within")
        for number in _numbers(value):
            _check(key, number, within)


def stated(config_class: type, name: str, what: str) -> str | None:
    """`meaning` or `within` of an option; a subclass that only changes its default need not
    say them again."""
    bases = [base for base in config_class.__mro__ if is_dataclass(base)]
    owned = [field for base in bases for field in fields(base) if field.name == name]
    return next((field.metadata[what] for field in owned if _is_option(field)), None)


def _is_option(field: Field) -> bool:
    return "meaning" in field.metadata


def _numbers(value: Any) -> Iterator[float]:
    """A number itself, the numbers of a list or of a dictionary, at any depth; no truth values."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _numbers(each)


def _check(key: str, number: float, within: str | None) -> None:
    if not -math.inf < number < math.inf:
        raise ValueError(f"{key}={number} is not finite; give a number{_of(within)}")
    if within and not contains(within, number):
        raise ValueError(f"{key}={number} is outside {within}; give a number{_of(within)}")


def _of(within: str | None) -> str:
    return f" within {within}" if within else ""


def contains(within: str, number: float) -> bool:
    """Whether a range such as "[0, 1)" holds a number."""
    found = _RANGE.fullmatch(within)
    assert found, f"{within!r} is no range such as [0, 1)"
    opening, low, high, closing = found.groups()
    above = number >= float(low) if opening == "[" else number > float(low)
    below = number <= float(high) if closing == "]" else number < float(high)
    return above and below
