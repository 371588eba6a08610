"""How long pre-training lasts, and what is said of its critic."""

import pytest

from calql_vision.agents import CalQLConfig
from calql_vision.agents.bc import BCConfig
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.convergence import (
    diverged_critic,
    pretraining_updates,
    unconverged_critic,
)
from calql_vision.runs.config import ScaleConfig, TaskConfig

POSSIBLE = (-33.3, 0.0)


@pytest.fixture
def demonstrations(small_spec, random_episode) -> EpisodeBuffer:
    """Successes of 10 and 30 steps, and a longer failure."""
    buffer = EpisodeBuffer(0.97, RewardConfig())
    for steps, success in ((10, True), (30, True), (40, False)):
        buffer.append(random_episode(small_spec, steps, success))
    return buffer


@pytest.mark.parametrize(
    ("algo", "updates"),
    [
        (CalQLConfig(tau=0.005), 8000),  # twice 20 steps / 0.005
        (CalQLConfig(tau=0.01), 4000),
        (CalQLConfig(tau=0.005, bounded_target=True), 150),
        (CalQLConfig(tau=0.005, critic_lr=0.0), 150),  # critics that begin online, as in bc_rlpd
        (BCConfig(), 150),
    ],
)
def test_pretraining_lasts_until_values_have_travelled(algo, updates, demonstrations):
    scale, task = ScaleConfig(updates=100), TaskConfig(effort=1.5)
    assert pretraining_updates(scale, task, algo, demonstrations) == updates


def test_amounts_that_are_larger_anyway_are_kept(demonstrations, small_spec, random_episode):
    scale = ScaleConfig(updates=9000)
    assert pretraining_updates(scale, TaskConfig(), CalQLConfig(), demonstrations) == 9000
    failures = EpisodeBuffer(0.97, RewardConfig())
    failures.append(random_episode(small_spec, 10, success=False))
    assert pretraining_updates(ScaleConfig(updates=7), TaskConfig(), CalQLConfig(), failures) == 7


def test_a_critic_that_has_settled_above_the_returns_is_fine():
    assert unconverged_critic([-1.0, -5.0, -7.0, -7.5, -7.5, -7.6], -8.0, POSSIBLE) is None


def test_a_critic_below_the_returns_or_still_moving_was_trained_too_short():
    low = unconverged_critic([-20.0] * 10, -8.0, POSSIBLE)
    assert "Q(data) = -20.0 is still below the mean return -8.0" in low
    moving = unconverged_critic([-2.0 * step for step in range(10)], -16.0, POSSIBLE)
    assert "Q(data) = -18.0 moved by 4.0 over the last fifth" in moving


def test_a_critic_outside_the_possible_returns_is_reported():
    assert diverged_critic(-12.0, POSSIBLE) is None
    assert "left the range" in diverged_critic(20.0, (0.0, 10.0))
    assert "left the range" in diverged_critic(-60.0, POSSIBLE)
