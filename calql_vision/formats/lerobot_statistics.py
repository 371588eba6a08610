"""The statistics that LeRobot normalises with: of every feature, per episode and over all."""

from typing import Any

import numpy as np

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def statistics(
    columns: dict[str, np.ndarray], images: dict[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """feature -> min, max, mean, std, count and quantiles, as nested lists.

    Columns are [T] or [T, n]; images uint8 [T, H, W, 3], counted from 0 to 1 by channel and given
    as [3][1][1].
    """
    found = {key: _of(array.reshape(len(array), -1), len(array)) for key, array in columns.items()}
    for key, frames in images.items():
        facts = _of(frames.reshape(-1, 3), len(frames))
        count = facts.pop("count")
        channels = {n: (np.array(v) / 255)[:, None, None].tolist() for n, v in facts.items()}
        found[key] = channels | {"count": count}
    return found


def _of(rows: np.ndarray, count: int) -> dict[str, list]:
    rows = rows.astype(np.float64)
    facts = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    quantiles = np.quantile(rows, list(_QUANTILES.values()), axis=0)
    facts |= dict(zip(_QUANTILES, quantiles, strict=True))
    return {name: value.tolist() for name, value in facts.items()} | {"count": [count]}


def aggregated(episodes: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Over all episodes; quantiles are the episodes' own, weighted by length, as LeRobot's are."""
    return {key: _over_all([episode[key] for episode in episodes]) for key in episodes[0]}


def _over_all(episodes: list[dict[str, Any]]) -> dict[str, Any]:
    stacked = {name: np.array([facts[name] for facts in episodes]) for name in episodes[0]}
    counts = stacked.pop("count")[:, 0]

    def mean(values: np.ndarray) -> np.ndarray:
        return np.average(values, axis=0, weights=counts)

    centre = mean(stacked["mean"])
    spread = stacked["std"] ** 2 + (stacked["mean"] - centre) ** 2
    facts = {name: mean(stacked[name]) for name in ("mean", *_QUANTILES)}
    facts |= {"min": stacked["min"].min(0), "max": stacked["max"].max(0)}
    facts["std"] = np.sqrt(mean(spread))
    return {name: value.tolist() for name, value in facts.items()} | {"count": [int(counts.sum())]}
