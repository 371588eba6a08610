"""Seeds of one method taken together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calql_vision.runs.metrics import Column, Curve
from calql_vision.runs.record import Run


class CurveBand(NamedTuple):
    """A line and a band around it; float64 [N] each."""

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def curves_of(runs: Sequence[Run], stage: str, name: str) -> list[Curve]:
    """One curve per run that has any value."""
    curves = [run.curve(stage, name) for run in runs]
    return [curve for curve in curves if len(curve.steps)]


def band_across_seeds(curves: Sequence[Curve]) -> CurveBand:
    """Mean, lowest and highest of at least one curve, over the steps that all of them cover.

    Seeds have rows at different steps (episodes differ in length): linear interpolation between.
    """
    start = max(curve.steps[0] for curve in curves)
    end = min(curve.steps[-1] for curve in curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    steps = steps[(steps >= start) & (steps <= end)]
    values = np.stack([np.interp(steps, *curve) for curve in curves])
    return CurveBand(steps, values.mean(0), values.min(0), values.max(0))


def success_band(runs: Sequence[Run], stage: str) -> CurveBand:
    """Success rates across seeds; those of a single seed with Wilson's intervals."""
    names = (Column.SUCCESS_RATE, Column.SUCCESS_LOW, Column.SUCCESS_HIGH)
    rates, lows, highs = (curves_of(runs, stage, name) for name in names)
    if len(rates) > 1 or not lows or not highs:
        return band_across_seeds(rates)
    return CurveBand(*rates[0], lows[0].values, highs[0].values)
