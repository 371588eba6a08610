"""What is suspicious about a data set is named, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from calql_vision.datasets.episode_statistics import episode_statistics, suspicions
from calql_vision.datasets.returns import RewardConfig


def found_in(spec, episodes) -> str:
    statistics = [
        episode_statistics(f"demo_{n}", episode, 0.97, RewardConfig())
        for n, episode in enumerate(episodes)
    ]
    return " ".join(suspicions(statistics, spec.cameras))


@pytest.fixture
def mixed(small_spec, random_episode):
    """Four unsuspicious episodes."""
    return [random_episode(small_spec, 6, n % 2 == 0, seed=n) for n in range(4)]


def test_nothing_is_suspicious_about_good_episodes(small_spec, mixed):
    assert found_in(small_spec, mixed) == ""


def test_one_sided_outcomes_are_suspicious(small_spec, mixed):
    assert "No episode succeeds" in found_in(small_spec, mixed[1::2])
    assert "Every episode succeeds" in found_in(small_spec, mixed[::2])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda e: {"rewards": e.rewards * 2.5}, "Rewards are not 0 and 1 alone: 2 values"),
        (lambda e: {"actions": e.actions * [1, 0] + [0, 0.5]}, "dimension 1 is always 0.5"),
        (lambda e: {"actions": np.sign(e.actions)}, "dimension 0 is saturated on more than 90%"),
        (lambda e: {"images": e.images * 0}, "front is black in 4 of 4"),
        (lambda e: {"images": e.images * 0 + np.uint8(99)}, "front shows one colour in 4 of 4"),
        (lambda e: {"images": e.images[[0] * 7]}, "wrist never changes in 4 of 4"),
    ],
)
def test_what_is_probably_a_mistake_is_named(small_spec, mixed, change, sentence):
    assert sentence in found_in(small_spec, [replace(e, **change(e)) for e in mixed])


def test_duplicates_are_named(small_spec, mixed):
    assert "1 of 5 episodes repeat an earlier one exactly, for example demo_4 = demo_2" in (
        found_in(small_spec, [*mixed, mixed[2]])
    )
