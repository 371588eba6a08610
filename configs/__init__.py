"""What the program can be told: YAML here, and the options of dataclasses beside the code."""

from copy import deepcopy
from dataclasses import field
from typing import TypeVar

Value = TypeVar("Value")


def option(default: Value, meaning: str, within: str | None = None) -> Value:
    """A field of a configuration: its default, of which every instance gets a copy of its own.

    `meaning` is what `--help` says of it, and `within` the range of a number, or of every number
    of a list, as in mathematics: "[0, 1)"; None: any finite one. To dataclasses this is a field;
    type checkers are told that it has the type of the default, as `dataclasses.field` tells them.
    """
    return field(
        default_factory=lambda: deepcopy(default), metadata={"meaning": meaning, "within": within}
    )
