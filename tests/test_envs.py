"""Laws of every environment and its expert, whatever the family."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from calql_vision.engine.environments import spec_env, task_env
from calql_vision.engine.policy import RandomPolicy
from calql_vision.engine.rollout import rollout
from calql_vision.envs import env_names, make_env, make_expert
from calql_vision.envs.robosuite import TASKS as ROBOSUITE_TASKS
from calql_vision.envs.tabletop import TASKS
from calql_vision.runs.config import TaskConfig
from calql_vision.types import EnvSpec

#: name -> arguments that keep a test short
ROWS: dict[str, dict[str, Any]] = {f"tabletop/{task}": {} for task in TASKS} | {
    "robosuite/Lift": {"image_size": 24, "cameras": ["robot0_eye_in_hand"], "horizon": 45}
}
LISTED = {f"tabletop/{task}" for task in TASKS} | {f"robosuite/{task}" for task in ROBOSUITE_TASKS}
EPISODES = 5


@pytest.fixture(params=ROWS, scope="module")
def env(request):
    env = make_env(request.param, **ROWS[request.param])
    yield env
    env.close()


@pytest.fixture
def lift():
    env = make_env("tabletop/lift", image_size=16)
    yield env
    env.close()


def random_policy(env, seed=0):
    return RandomPolicy(env.pixel_spec.action_dim, np.random.default_rng(seed))


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


def assert_same_episode(a, b):
    for field in ("images", "proprio", "actions", "rewards", "states"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


def test_it_passes_gymnasiums_checker_without_warnings(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*not having a spec")  # those of tabletop have one
        check_env(env)


def test_a_random_episode_keeps_to_the_spaces_and_ends(env):
    episode = rollout(env, random_policy(env), seed=0)
    spec = env.pixel_spec
    assert 1 <= len(episode) <= spec.horizon
    assert episode.images.shape[1:] == (len(spec.cameras), *spec.image_size, 3)
    assert episode.images.dtype == np.uint8
    assert episode.proprio.shape[1:] == (spec.proprio_dim,)
    for images, proprio in zip(episode.images, episode.proprio, strict=True):
        assert env.observation_space.contains({"images": images, "proprio": proprio})


def test_the_same_seed_repeats_bit_for_bit_in_the_same_env_and_in_another(env):
    first = rollout(env, random_policy(env), seed=7, record_states=True)
    rollout(env, random_policy(env, 1), seed=8)
    again = rollout(env, random_policy(env), seed=7, record_states=True)
    other = spec_env(env.pixel_spec)
    elsewhere = rollout(other, random_policy(env), seed=7, record_states=True)
    other.close()
    assert_same_episode(first, again)
    assert_same_episode(first, elsewhere)


def test_interleaved_envs_do_not_see_each_other(env):
    other = spec_env(env.pixel_spec)
    alone = rollout(env, random_policy(env), seed=3)
    env.reset(seed=3)
    other.reset(seed=4)
    for images, action in zip(alone.images[1:6], alone.actions, strict=False):
        observation, *_ = env.step(action)
        other.step(-action)
        other.render()
        np.testing.assert_array_equal(observation["images"], images)
    other.close()


def test_different_seeds_start_differently(env):
    first, _ = env.reset(seed=0)
    second, _ = env.reset(seed=1)
    assert (first["images"] != second["images"]).any()


def test_a_restored_state_shows_the_stored_image_and_goes_on_bit_for_bit(env):
    episode = rollout(env, make_expert(env, noise=0.5), seed=5, record_states=True)
    middle = len(episode) // 2
    rollout(env, random_policy(env), seed=6)
    restored = env.set_state(episode.states[middle])
    np.testing.assert_array_equal(restored["images"], episode.images[middle])
    np.testing.assert_array_equal(restored["proprio"], episode.proprio[middle])
    for step in range(middle, len(episode)):
        observation, reward, terminated, truncated, _ = env.step(episode.actions[step])
        np.testing.assert_array_equal(observation["images"], episode.images[step + 1])
        np.testing.assert_array_equal(env.get_state(), episode.states[step + 1])
        assert reward == episode.rewards[step]
        assert (terminated or truncated) == (step == len(episode) - 1)


def test_a_restored_state_renders_the_same_in_an_env_that_was_never_reset(env):
    observation, _ = env.reset(seed=2)
    fresh = spec_env(env.pixel_spec)
    assert_same(fresh.set_state(env.get_state()), observation)
    fresh.close()


def test_an_episode_after_a_restored_one_is_that_of_a_fresh_env(env):
    """The checks before a run leave the run's own environment in a demonstration."""
    fresh = spec_env(env.pixel_spec)
    expected = rollout(fresh, random_policy(fresh), seed=4)
    fresh.close()
    demo = rollout(env, random_policy(env), seed=5, record_states=True)
    if hasattr(env, "load_model"):
        env.load_model(demo.model)
    env.set_state(demo.states[0])
    again = rollout(env, random_policy(env), seed=4)
    np.testing.assert_array_equal(again.images, expected.images)
    np.testing.assert_array_equal(again.proprio, expected.proprio)


def test_rendering_for_people_changes_nothing(env):
    plain = rollout(env, random_policy(env), seed=1)
    env.reset(seed=1)
    picture = env.render()
    assert picture.shape == (256, 256, 3)
    assert picture.dtype == np.uint8
    observation, *_ = env.step(plain.actions[0])
    np.testing.assert_array_equal(observation["images"], plain.images[1])


def test_the_spec_rebuilds_the_env():
    env = make_env(
        "tabletop/push", cameras=["wrist"], image_size=(20, 24), horizon=9, start_region=0.25
    )
    spec = EnvSpec.from_dict(env.pixel_spec.to_dict())
    again = make_env(
        spec.name,
        cameras=spec.cameras,
        image_size=spec.image_size,
        horizon=spec.horizon,
        **spec.kwargs,
    )
    assert again.pixel_spec == env.pixel_spec
    assert again.model_xml() == env.model_xml()
    assert_same(again.reset(seed=0)[0], env.reset(seed=0)[0])
    env.close()
    again.close()


def test_success_terminates_with_reward_one_and_the_time_limit_truncates(env):
    env.reset(seed=0)
    expert = make_expert(env, noise=0.0)
    rewards, ended = [], False
    while not ended:
        _, reward, terminated, truncated, info = env.step(expert.act({}))
        rewards.append(reward)
        ended = terminated or truncated
    assert terminated
    assert not truncated
    assert info["success"]
    assert rewards == [0.0] * (len(rewards) - 1) + [1.0]


def test_success_at_the_last_step_is_a_success_and_no_time_limit(env):
    needed = len(rollout(env, make_expert(env, noise=0.0), seed=0))
    short = spec_env(replace(env.pixel_spec, horizon=needed))
    expert = make_expert(short, noise=0.0)
    short.reset(seed=0)
    for _ in range(needed):
        _, _, terminated, truncated, _ = short.step(expert.act({}))
    short.close()
    assert (terminated, truncated) == (True, False)


def test_the_time_limit_truncates_without_reward(env):
    env.reset(seed=0)
    for step in range(1, env.pixel_spec.horizon + 1):
        _, reward, terminated, truncated, info = env.step(np.eye(env.pixel_spec.action_dim)[2])
        assert (reward, terminated, info["success"]) == (0.0, False, False)
        assert truncated == (step == env.pixel_spec.horizon)


def test_actions_outside_the_box_are_clipped(lift):
    lift.reset(seed=0)
    clipped, *_ = lift.step(np.array([1.0, -1.0, -1.0, 1.0]))
    lift.reset(seed=0)
    outside, *_ = lift.step(np.array([9.0, -9.0, -2.0, 5.0]))
    assert_same(clipped, outside)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((1, 4)), r"shape \(1, 4\)"),
        (np.array([0, np.nan, 0, 0]), "not finite"),
    ],
)
def test_a_wrong_action_is_refused(lift, action, message):
    lift.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        lift.step(action)


def test_a_state_of_another_model_is_refused(lift):
    with pytest.raises(ValueError, match=r"state has shape \(3,\)"):
        lift.set_state(np.zeros(3))


@pytest.mark.parametrize("name", ["tabletop/fly", "robosuite/Fly", "moon/lift", "lift", ""])
def test_an_unknown_name_is_refused_with_the_valid_ones(name):
    with pytest.raises(ValueError, match="tabletop/pick_place"):
        make_env(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cameras": ["top"]}, "front, wrist"),
        ({"cameras": []}, "front, wrist"),
        ({"image_size": 0}, "pixels"),
        ({"horizon": 0}, "at least 1"),
        ({"start_region": 1.5}, "outside 0..1"),
    ],
)
def test_a_wrong_argument_is_refused_with_its_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_env("tabletop/lift", **arguments)


def test_every_name_is_listed():
    assert set(env_names()) >= LISTED


def test_the_expert_without_noise_always_succeeds(env):
    expert = make_expert(env, noise=0.0)
    assert all(rollout(env, expert, seed=seed).success for seed in range(EPISODES))


def test_the_expert_repeats_from_its_seed_and_differs_with_another(env):
    episodes = [rollout(env, make_expert(env, seed=seed), seed=0) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(episodes[0].actions, episodes[1].actions)
    assert (episodes[0].actions[0] != episodes[2].actions[0]).any()
    assert np.abs(episodes[0].actions).max() <= 1.0


def test_the_expert_with_its_default_noise_succeeds_sometimes(env):
    expert = make_expert(env, seed=0)
    successes = [rollout(env, expert, seed=seed).success for seed in range(2 * EPISODES)]
    assert 0 < sum(successes) < len(successes)


def test_negative_noise_is_refused(lift):
    with pytest.raises(ValueError, match="negative"):
        make_expert(lift, noise=-0.1)


@pytest.mark.parametrize(
    ("name", "side"), [("tabletop/lift", 48), ("robosuite/Lift", 84), ("gym/FetchReach-v4", 84)]
)
def test_a_family_says_how_large_its_images_are_by_itself(name, side):
    env = task_env(TaskConfig(name=name))
    assert env.reset(seed=0)[0]["images"].shape[1:3] == env.pixel_spec.image_size == (side, side)
    env.close()
