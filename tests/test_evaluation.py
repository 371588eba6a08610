"""Laws of seeds, intervals and schedules."""

from itertools import pairwise, product

import pytest

from calql_vision.engine.seeds import PURPOSES, episode_seed
from calql_vision.runs.intervals import wilson_interval
from calql_vision.stages.pretrain import milestones


def test_no_two_purposes_runs_or_episodes_share_a_seed():
    cases = list(product(PURPOSES, (0, 1, 999), (0, 1, 499_999)))
    seeds = [episode_seed(*case) for case in cases]
    assert len(set(seeds)) == len(cases)
    assert max(seeds) < 2**31


def test_the_ranges_of_purposes_do_not_overlap():
    ranges = [(episode_seed(p, 0, 0), episode_seed(p, 999, 499_999)) for p in PURPOSES]
    assert all(last < first for (_, last), (first, _) in pairwise(ranges))


@pytest.mark.parametrize(("seed", "episode"), [(-1, 0), (1000, 0), (0, -1), (0, 500_000)])
def test_seeds_outside_their_range_are_refused(seed, episode):
    with pytest.raises(ValueError, match="outside"):
        episode_seed("online", seed, episode)


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


def test_evaluations_are_spread_evenly_and_the_last_is_at_the_end():
    steps = list(milestones(total=1000, log_every=300, evaluations=2))
    assert steps == [(300, False), (500, True), (600, False), (900, False), (1000, True)]
