"""An environment that a file asks for: it may reach no further than what is installed.

Names and arguments out of data files and checkpoints go to other people's constructors, which may
import a module (Gymnasium's `module:id`) or open a file by its path. Only what the user typed may.
"""

import re
from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

#: Names of things within a model, which may look like paths.
_WITHIN_A_MODEL = ("joints", "sites", "proprio_keys")
#: What `make_env` is told apart from the family's own arguments.
_RESERVED = ("name", "task", "cameras", "image_size", "horizon")


def check_recorded(
    place: object,
    name: str,
    kwargs: Mapping[str, Any],
    *,
    typed_name: str | None = None,
    typed_kwargs: Mapping[str, Any] | None = None,
    words: tuple[str, str] = ("task.name", "task.kwargs"),
) -> None:
    """Raises ValueError for a name or an argument that could import or open something.

    `place` is the file that asks. What equals the user's own `typed_name` and `typed_kwargs` is
    his; `words` are the options by which he types them.
    """
    if name != typed_name and not re.fullmatch(r"[\w.-]+(/[\w.-]+)+(?<!\.hdf5)(?<!\.h5)", name):
        raise ValueError(
            f"{place} asks for the environment {short(name)}, which may import a module or read a "
            f"file; if you trust it, type {words[0]}={name}"
        )
    typed = typed_kwargs or {}
    for key, value in kwargs.items():
        if key in _RESERVED:
            raise ValueError(f"{place}: env_kwargs has {key}, which is no argument of its own")
        if key not in _WITHIN_A_MODEL and not _is_plain(value) and typed.get(key) != value:
            raise ValueError(
                f"{place} asks for the environment's argument {key}={short(value)}, which may "
                f"name a file or a module; if you trust it, type {words[1]}.{key}=..."
            )


def _is_plain(value: Any) -> bool:
    """Numbers, and words that are neither path nor module nor address, in plain containers."""
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return not set("/\\:~") & set(value)
    return value is None or isinstance(value, bool | int | float)
