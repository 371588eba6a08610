"""Mutations: of bytes, and of plain content such as JSON and checkpoints hold."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

#: What takes the place of a value: of every type, of odd sizes, and words that mean something to
#: terminals, pages and paths.
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, -(2**63), 10**30, 0.5, -0.0, 1e-300, 1e308, math.nan,
    math.inf, -math.inf, "", "x", "nan", "-1", "../../outside", "/", "\0", "ü\u202e\U0001f600",
    "[bold]$\\frac{1}$<script>", "x" * 5000, [], {}, [[]], [1, "x", None], {"x": 1}, {"": None},
]  # fmt: skip


def mutated_bytes(content: bytes, random: Random) -> tuple[bytes, str]:
    """One change of a file's bytes, and what it was."""
    kind = random.choice(list(_BYTES))
    place = random.randrange(len(content) + 1)
    return _BYTES[kind](content, place, random), f"{kind} at byte {place}"


def _flip(content: bytes, place: int, random: Random) -> bytes:
    place = min(place, len(content) - 1)
    return (
        content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]
    )


_BYTES: dict[str, Callable[[bytes, int, Random], bytes]] = {
    "a bit flipped": _flip,
    "truncated": lambda content, place, _: content[:place],
    "the start cut off": lambda content, place, _: content[place:],
    "8 bytes removed": lambda content, place, _: content[:place] + content[place + 8 :],
    "8 bytes zeroed": lambda content, place, _: content[:place] + bytes(8) + content[place + 8 :],
    "noise inserted": lambda content, place, random: (
        content[:place] + random.randbytes(16) + content[place:]
    ),
    "the rest repeated": lambda content, place, _: content + content[place:],
}


def mutated_content(content: Any, random: Random) -> tuple[Any, str]:
    """One change somewhere in nested dictionaries and lists, and what it was.

    The way down is chosen evenly at every level, so that a thousand weights do not hide the rest.
    """
    if not isinstance(content, dict | list) or not content or random.random() < 0.15:
        value = random.choice(ODD_VALUES)
        return value, f" = {value!r:.60}"
    if isinstance(content, dict):
        key = random.choice(list(content))
        kind = random.random()
        if kind < 0.1:
            return {k: v for k, v in content.items() if k != key}, f".{key} removed"
        if kind < 0.15:
            return content | {"unheard-of": 1}, " with one key more"
        value, what = mutated_content(content[key], random)
        return content | {key: value}, f".{key}{what}"
    place = random.randrange(len(content))
    if random.random() < 0.1:
        return content[:place] + content[place + 1 :], f"[{place}] removed"
    value, what = mutated_content(content[place], random)
    return [*content[:place], value, *content[place + 1 :]], f"[{place}]{what}"
