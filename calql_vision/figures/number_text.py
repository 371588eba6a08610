"""Numbers of several seeds as words for a page."""

from collections.abc import Sequence


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def mean_and_range(values: Sequence[float], digits: int) -> str:
    """0.31 (0.24–0.36), 0.1 (−0.1 to 0.3); a dash for none."""
    if not values:
        return "–"
    mean, low, high = (f"{v:.{digits}f}" for v in (_mean(values), min(values), max(values)))
    to = " to " if min(values) < 0 else "–"
    return (mean if len(values) == 1 else f"{mean} ({low}{to}{high})").replace("-", "−")


def or_never(episodes: Sequence[int | None]) -> str:
    """38 (20–55), 1 of 3 never; a dash for none."""
    never = episodes.count(None)
    reached = mean_and_range([count for count in episodes if count is not None], 0)
    if not never:
        return reached
    return f"{reached}, {never} of {len(episodes)} never" if never < len(episodes) else "never"


def duration(seconds: Sequence[float]) -> str:
    """Their mean as 45 s, 12 min or 3.4 h; a dash for none."""
    mean = _mean(seconds)
    if mean is None:
        return "–"
    if mean < 90:
        return f"{mean:.0f} s"
    return f"{mean / 60:.0f} min" if mean < 5400 else f"{mean / 3600:.1f} h"


def amount(values: Sequence[int]) -> str:
    """1,500 or 1,500–1,512; a dash for none."""
    return "–".join(f"{value:,}" for value in sorted({min(values), max(values)})) if values else "–"
