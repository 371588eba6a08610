"""Laws of the replay buffer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calql_vision.datasets.buffer import EpisodeBuffer, MixedBuffer, NStepReference
from calql_vision.datasets.returns import RewardConfig, n_step_returns, returns_to_go
from calql_vision.types import Episode

DISCOUNT = 0.9


def episode(length: int, success: bool, mark: int = 0) -> Episode:
    """Frame t of the episode holds the number mark + t in every pixel and in its proprio."""
    marks = mark + np.arange(length + 1)
    rewards = np.zeros(length, dtype=np.float32)
    rewards[-1] = success
    return Episode(
        images=np.broadcast_to(marks[:, None, None, None, None], (length + 1, 2, 48, 48, 3)).astype(
            np.uint8
        ),
        proprio=np.repeat(marks[:, None], 4, axis=1).astype(np.float32),
        actions=np.full((length, 3), mark / 100, dtype=np.float32),
        rewards=rewards,
        success=success,
    )


def filled(*episodes: Episode, frame_stack: int = 1, **reward) -> EpisodeBuffer:
    buffer = EpisodeBuffer(DISCOUNT, RewardConfig(**reward), frame_stack)
    for each in episodes:
        buffer.append(each)
    return buffer


def everything(buffer: EpisodeBuffer):
    return buffer.gather(np.arange(len(buffer)))


def test_each_frame_is_stored_once_with_at_most_two_percent_besides():
    buffer = filled(*[episode(20, success=True)] * 1, episode(31, success=False))
    assert buffer.pixel_bytes == (21 + 32) * 2 * 48 * 48 * 3
    assert buffer.nbytes <= 1.02 * buffer.pixel_bytes


def test_append_does_not_copy_the_pixels():
    given_episode = episode(5, success=True)
    buffer = filled(given_episode)
    given_episode.images[0] = 77
    assert (everything(buffer).observation.images[0] == 77).all()


def test_the_next_observation_is_the_following_frame():
    batch = everything(filled(episode(4, True), episode(3, False, mark=50)))
    here = batch.observation.images[:, 0, 0, 0, 0].tolist()
    following = batch.next_observation.images[:, 0, 0, 0, 0].tolist()
    assert here == [0, 1, 2, 3, 50, 51, 52]
    assert following == [mark + 1 for mark in here]
    assert batch.next_observation.proprio[:, 0].tolist() == following


def test_only_success_ends_the_future_a_time_limit_does_not():
    batch = everything(filled(episode(3, success=True), episode(3, success=False)))
    assert batch.discount.tolist() == pytest.approx([0.9, 0.9, 0.0, 0.9, 0.9, 0.9])
    assert batch.success.tolist() == [True] * 3 + [False] * 3


def test_returns_are_those_of_scaled_and_shifted_rewards():
    batch = everything(filled(episode(3, True), episode(2, False), scale=10.0, bias=-5.0))
    assert batch.reward.tolist() == [-5, -5, 5, -5, -5]
    expected = [-5 + 0.9 * (-5 + 0.9 * 5), -5 + 0.9 * 5, 5, -50, -50]
    assert batch.return_to_go.tolist() == pytest.approx(expected)


@given(length=st.integers(1, 30), discount=st.floats(0.5, 0.999), reached=st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_return_is_its_reward_plus_the_discounted_next(length, discount, reached):
    rewards = np.full(length, -1.0)
    rewards[-1] += reached
    terminals = np.zeros(length)
    terminals[-1] = reached
    returns = returns_to_go(rewards, terminals, discount, failure_reward=-1.0)
    expected = rewards[:-1] + discount * returns[1:]
    np.testing.assert_allclose(returns[:-1], expected, rtol=1e-4, atol=1e-5)
    low, high = RewardConfig().possible_returns(discount)
    assert (low - 1e-3 <= returns).all()
    assert (returns <= high + 1e-3).all()


def test_n_step_returns_on_numbers():
    rewards, terminals = np.array([-1.0, -1.0, -1.0, 0.0]), np.array([0, 0, 0, 1])
    values = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    two = n_step_returns(rewards, terminals, 0.5, 2, values)
    assert two.tolist() == [-1.5 + 5, -1.5 + 7.5, -1.0, 0.0], "success ends the future"
    cut_off = n_step_returns(rewards, np.zeros(4), 0.5, 2, values)
    assert cut_off.tolist() == [3.5, 6.0, -1 + 10, 0.5 * 40], "a time limit does not"


def test_enough_steps_make_an_n_step_return_the_monte_carlo_one():
    buffer = filled(episode(6, success=True))
    stored = everything(buffer)
    terminals = np.eye(6)[-1]
    returns = n_step_returns(stored.reward.numpy(), terminals, DISCOUNT, 6, np.zeros(7))
    np.testing.assert_allclose(returns, stored.return_to_go, rtol=1e-6)


def test_a_buffer_with_a_reference_asks_it_about_every_stacked_frame():
    asked = []

    def value(observation):
        asked.append(observation)
        return observation.proprio[:, -1]  # the frame's number

    buffer = EpisodeBuffer(DISCOUNT, RewardConfig(), 2, NStepReference(1, value))
    buffer.append(episode(3, success=False))
    assert asked[0].images.shape == (4, 2, 48, 48, 6)
    returns = everything(buffer).return_to_go
    assert returns.tolist() == pytest.approx([-1 + 0.9 * step for step in (1, 2, 3)])


def test_sampling_is_uniform_over_transitions():
    buffer = filled(episode(2, True), episode(8, False, mark=10))
    batch = buffer.sample(20_000, np.random.default_rng(0))
    marks = batch.observation.proprio[:, 0].long()
    counts = torch.bincount(marks)[marks.unique()]
    assert len(counts) == 10
    assert (counts.float() / 2000 - 1).abs().max() < 0.1


def test_the_same_generator_gives_the_same_batch():
    buffer = filled(episode(9, True), episode(8, False, mark=30))
    first, second = (buffer.sample(16, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first.observation.images, second.observation.images)
    assert torch.equal(first.action, second.action)


def test_frames_are_stacked_oldest_first_and_the_first_is_repeated():
    batch = everything(filled(episode(3, True, mark=5), frame_stack=3))
    assert batch.observation.images.shape == (3, 2, 48, 48, 9)
    assert batch.observation.images[:, 0, 0, 0, ::3].tolist() == [[5, 5, 5], [5, 5, 6], [5, 6, 7]]
    assert batch.next_observation.images[:, 0, 0, 0, ::3].tolist()[-1] == [6, 7, 8]
    assert batch.observation.proprio[1].reshape(3, 4)[:, 0].tolist() == [5, 5, 6]


def test_stacks_never_reach_into_another_episode():
    batch = everything(filled(episode(2, True), episode(2, True, mark=90), frame_stack=2))
    assert batch.observation.images[2, 0, 0, 0, ::3].tolist() == [90, 90]


@pytest.mark.parametrize(("fraction", "online"), [(0.5, 32), (0.25, 16), (0.0, 0), (1.0, 64)])
def test_a_mixed_batch_has_the_asked_share_of_online_transitions(fraction, online):
    offline, own = filled(episode(9, False)), filled(episode(9, False, mark=100))
    batch = MixedBuffer(offline, own, fraction).sample(64, np.random.default_rng(0))
    assert len(batch.action) == 64
    assert int((batch.observation.proprio[:, 0] >= 100).sum()) == online


def test_in_proportion_means_in_proportion_to_the_sizes():
    offline, own = filled(episode(30, False)), filled(episode(10, False, mark=100))
    batch = MixedBuffer(offline, own, None).sample(8000, np.random.default_rng(0))
    share = (batch.observation.proprio[:, 0] >= 100).float().mean()
    assert share == pytest.approx(0.25, abs=0.02)


def test_without_online_experience_a_mixed_batch_is_offline():
    offline, own = filled(episode(9, False)), filled()
    batch = MixedBuffer(offline, own).sample(64, np.random.default_rng(0))
    assert len(batch.action) == 64


def test_a_fraction_of_one_never_shows_a_demonstration():
    offline, own = filled(episode(30, True)), filled(episode(10, False, mark=100))
    batch = MixedBuffer(offline, own, 1.0).sample(64, np.random.default_rng(0))
    assert (batch.observation.proprio[:, 0] >= 100).all()
    with pytest.raises(AssertionError, match="empty"):
        MixedBuffer(offline, filled(), 1.0).sample(64, np.random.default_rng(0))
