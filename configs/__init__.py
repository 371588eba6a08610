"""What the program can be told: YAML here, and the options of dataclasses beside the code."""

from copy import deepcopy
from dataclasses import field
from typing import TypeVar

Value = TypeVar("Value")


def option(default: Value, meaning: str) -> Value:
    """A field of a configuration: its default, of which every instance gets a copy of its own.

    `meaning` is what `--help` says of it. To dataclasses this is a field; type checkers are told
    that it has the type of the default, as `dataclasses.field` tells them.
    """
    return field(default_factory=lambda: deepcopy(default), metadata={"meaning": meaning})
