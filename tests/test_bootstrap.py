"""rliable's numbers, on examples worked by hand and against scipy."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from calql_vision.analysis.bootstrap import (
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)
from calql_vision.runs.intervals import mean_interval


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_interquartile_mean_is_the_mean_of_the_middle_half():
    # Sorted 0 1 2 3 4 5 6 70: two go at either end, (2 + 3 + 4 + 5) / 4.
    assert interquartile_mean([np.array([3.0, 70.0, 0.0, 5.0]), np.array([1.0, 6, 2, 4])]) == 3.5


@pytest.mark.parametrize("runs", [1, 2, 3, 5, 8, 11])
def test_interquartile_mean_equals_scipys_trimmed_mean(runs, generator):
    tasks = [generator.normal(size=runs) for _ in range(3)]
    assert interquartile_mean(tasks) == pytest.approx(trim_mean(np.concatenate(tasks), 0.25))


def test_probability_of_improvement_of_a_worked_example():
    # First task: 3 beats 1 and 2; 2 beats 1, ties with 2: (1 + 1 + 1 + 1/2) / 4 = 7/8.
    # Second task: a tie, 1/2. Mean: 11/16.
    first = [np.array([3.0, 2.0]), np.array([0.5])]
    second = [np.array([1.0, 2.0]), np.array([0.5])]
    assert probability_of_improvement(first, second) == 11 / 16
    assert probability_of_improvement(second, first) == 5 / 16


def test_probability_of_improvement_is_mann_whitneys_u(generator):
    x, y = generator.integers(0, 5, 7).astype(float), generator.integers(0, 5, 4).astype(float)
    u = mannwhitneyu(x, y, alternative="greater").statistic
    assert probability_of_improvement([x], [y]) == pytest.approx(u / (len(x) * len(y)))


def test_the_bootstrap_draws_seeds_within_their_task_only(generator):
    """Constant tasks have one possible resample each; mixed strata would vary."""
    tasks = [np.full(3, 0.2), np.full(3, 0.8)]
    found = bootstrap_interval(interquartile_mean, tasks, generator=generator)
    assert found == pytest.approx((0.5, 0.5, 0.5))


def test_the_bootstrap_draws_both_groups(generator):
    apart = [np.array([1.0, 2.0])], [np.array([0.0, 0.5])]
    assert bootstrap_interval(probability_of_improvement, *apart, generator=generator) == (1, 1, 1)
    mixed = [np.array([0.0, 1.0])], [np.array([0.5])]
    # With chance 1/4 each both draws are 0 or both are 1: the 95 % interval reaches both ends.
    found = bootstrap_interval(probability_of_improvement, *mixed, generator=generator)
    assert found == (0.5, 0, 1)


def test_the_bootstrap_interval_of_a_mean_is_the_normal_one_for_many_seeds(generator):
    seeds = generator.normal(size=400)
    radius = 1.96 * seeds.std() / np.sqrt(len(seeds))
    expected = (seeds.mean(), seeds.mean() - radius, seeds.mean() + radius)
    found = bootstrap_interval(lambda tasks: tasks[0].mean(), [seeds], generator=generator)
    assert found == pytest.approx(expected, abs=0.02)
    assert mean_interval(seeds, generator) == pytest.approx(expected, abs=0.02)


def test_the_same_generator_gives_the_same_interval():
    intervals = {
        bootstrap_interval(interquartile_mean, [np.arange(5.0)], generator=np.random.default_rng(3))
        for _ in range(2)
    }
    assert len(intervals) == 1
