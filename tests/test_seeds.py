"""Laws of seeds: no two purposes share one."""

from itertools import pairwise, product

import pytest

from calql_vision.engine.seeds import PURPOSES, episode_seed


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
