"""Laws of intervals."""

import pytest

from calql_vision.runs.intervals import wilson_interval


@pytest.mark.parametrize(
    ("successes", "episodes", "low", "high"),
    [  # Newcombe (1998), table I, method 3; and the closed forms at the ends
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 1 - 0.1611, 1.0),
    ],
)
def test_wilson_intervals_equal_published_ones(successes, episodes, low, high):
    assert wilson_interval(successes, episodes) == pytest.approx((low, high), abs=1e-4)
