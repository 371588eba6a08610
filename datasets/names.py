"""Names that come out of files: which are taken, how they are ordered, how they are shown."""

import re
from collections.abc import Iterable
from reprlib import repr as short

LONGEST = 200  # characters; what a file system takes, with room for an ending


def is_plain(name: object) -> bool:
    """Whether a name can be the name of a file, of a key and of a label, in one place.

    No separators, nothing that a terminal would obey, neither empty nor overlong.
    """
    return (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST
        and name.isprintable()
        and not {"/", "\\"} & set(name)
        and name not in (".", "..")
    )


def checked_name(name: str, place: str) -> str:
    """`name`. Raises ValueError, a sentence that begins with `place`, unless it is plain."""
    if not is_plain(name):
        raise ValueError(
            f"{place}: {short(name)} is no plain name (printable, without slashes, at most "
            f"{LONGEST} letters); rename it"
        )
    return name


def in_order(names: Iterable[str]) -> list[str]:
    """Sorted by the numbers inside the names: demo_2 before demo_10."""
    return sorted(names, key=_with_numbers)


def _with_numbers(name: str) -> list[tuple[int, str]]:
    """Text and digits by turns; of digits without leading zeros more are a greater number."""
    parts = re.split(r"([0-9]+)", name)
    digits = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = digits
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)]


def clause(said: object) -> str:
    """What a library or a file says, on one line of our own sentence."""
    words = " ".join(str(said).split())
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."


def printable(text: object) -> str:
    """Text of a file as it can be shown: what a terminal would obey becomes `\\x1b` and the like.

    Lines stay lines.
    """
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else letter.encode("unicode_escape").decode()
        for letter in str(text)
    )
