"""Amounts of memory and disk as people write them."""

import re

UNITS = {"B": 1} | {
    prefix + suffix: base**power
    for suffix, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate("kMGT" if base == 1000 else "KMGT", start=1)
}


def parse_bytes(text: str) -> int:
    """ "4GiB", "1.5 GB", "300MB" -> bytes. Raises ValueError for anything else, 4G included."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]+)\s*", text)
    if not found or found[2] not in UNITS:
        raise ValueError(
            f"{text!r} is no size; give a number and one of {', '.join(UNITS)}, such as 4GiB"
        )
    return round(float(found[1]) * UNITS[found[2]])


def format_bytes(number: int) -> str:
    """In the unit that leaves one to three digits before the point: 4.3 GB."""
    unit = next((u for u in ("TB", "GB", "MB", "kB") if number >= UNITS[u]), "B")
    return f"{number / UNITS[unit]:.3g} {unit}"
