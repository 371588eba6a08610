"""Laws of curves across seeds."""

import numpy as np

from calql_vision.analysis.seed_curves import band_across_seeds
from calql_vision.runs.metrics import Curve


def test_seeds_meet_on_the_steps_that_all_cover():
    first = Curve(np.array([0.0, 10.0, 20.0]), np.array([0.0, 1.0, 2.0]))
    second = Curve(np.array([5.0, 15.0]), np.array([3.5, 4.5]))
    band = band_across_seeds([first, second])
    assert band.steps.tolist() == [5, 10, 15]
    assert band.mean.tolist() == [2, 2.5, 3]
    assert band.low.tolist() == [0.5, 1, 1.5]
    assert band.high.tolist() == [3.5, 4, 4.5]
