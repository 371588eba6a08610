"""What a file says, held against the types that its dataclass states."""

from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def check_types(config: Any, prefix: str = "") -> None:
    """ValueError, with its key, for a field of a dataclass whose value is not of its type.

    Nested dataclasses, lists, tuples, dictionaries and alternatives (`int | None`) are looked
    into; a whole number will do for a float. `prefix` is what the keys begin with ("task.").
    """
    for name, hint in get_type_hints(type(config)).items():
        value, key = getattr(config, name), f"{prefix}{name}"
        if is_dataclass(value) and isinstance(hint, type) and isinstance(value, hint):
            check_types(value, f"{key}.")
        elif not has_type(value, hint):
            raise ValueError(f"{key} is {_shown(value)}, which is not {_described(hint)}")


def has_type(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, what it contains included."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(has_type(value, each) for each in inner)
    if origin is dict:
        return isinstance(value, dict) and all(
            has_type(k, inner[0]) and has_type(v, inner[1]) for k, v in value.items()
        )
    if origin is tuple and inner[-1] is not Ellipsis:
        fits = isinstance(value, tuple) and len(value) == len(inner)
        return fits and all(map(has_type, value, inner))
    if origin in (list, tuple):
        return isinstance(value, origin) and all(has_type(each, inner[0]) for each in value)
    return _is(value, NoneType if hint is None else hint)


def _is(value: Any, kind: type) -> bool:
    """`isinstance`, but a truth value is no number and a whole number will do for a float."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _described(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
