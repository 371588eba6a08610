"""Laws of every Gymnasium environment behind `gym/<id>`."""

import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.utils.env_checker import check_env

from calql_vision.engine.policy import RandomPolicy
from calql_vision.engine.rollout import rollout
from calql_vision.envs import make_env
from calql_vision.envs.gym import TESTED
from calql_vision.types import EnvSpec

KITCHEN = ["microwave", "kettle"]
#: name in the tests -> (id, arguments): the listed ids, and one for each other way of doing it.
CASES: dict[str, tuple[str, dict[str, Any]]] = {task: (task, {}) for task in TESTED} | {
    "FrankaKitchen-v1": ("FrankaKitchen-v1", {"tasks_to_complete": KITCHEN}),
    "replayed": ("HandReach-v3", {}),
    "rewarded": ("Hopper-v5", {"reward_threshold": 2.0, "healthy_z_range": [1.2, 9.0]}),
    "drawn": ("Toy-v0", {"reward_threshold": -0.5}),
}


class Toy(gymnasium.Env):
    """A point on a line that draws itself; no MuJoCo, and a box that is not [-1, 1]."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012
    action_space = Box(0.0, 10.0, (1,), np.float32)
    observation_space = Box(-np.inf, np.inf, (1,), np.float64)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = np.array([self.np_random.uniform(-9, 9)])
        return self.place, {}

    def step(self, action):
        self.place = self.place + (action - 5) + 0.1 * self.np_random.normal()
        return self.place, -abs(float(self.place[0])), abs(self.place[0]) > 20, False, {}

    def render(self):
        picture = np.zeros((40, 60, 3), np.uint8)
        picture[:, int(np.clip(self.place[0] + 30, 0, 59))] = 255
        return picture


gymnasium.register("Toy-v0", Toy, max_episode_steps=9)  # type: ignore[arg-type]


def make(case, **kwargs):
    task, arguments = CASES[case]
    return make_env(f"gym/{task}", **{"image_size": 24, "horizon": 6} | arguments | kwargs)


@pytest.fixture(params=CASES, scope="module")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def env(case):
    env = make(case)
    yield env
    env.close()


@pytest.fixture
def made():
    """make_env that closes."""
    opened = []

    def make_and_remember(case, **kwargs):
        opened.append(make(case, **kwargs))
        return opened[-1]

    yield make_and_remember
    for env in opened:
        env.close()


def random_policy(env, seed=0):
    return RandomPolicy(env.pixel_spec.action_dim, np.random.default_rng(seed))


def assert_same_episode(a, b):
    for field in ("images", "proprio", "actions", "rewards", "states"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))


def test_it_passes_gymnasiums_checker(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Joints have no common bounds, and the environment was not made through its registry.
        warnings.filterwarnings("ignore", message=".*(infinity|spec).*")
        check_env(env, skip_close_check=True)


def test_packages_say_nothing_of_ids_that_nobody_asked_for():
    code = "from calql_vision import make_env; make_env('gym/FetchReach-v4').close()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_a_random_episode_keeps_to_the_spaces_and_the_spec_is_plain(env):
    episode = rollout(env, random_policy(env), seed=0)
    assert 1 <= len(episode) <= env.pixel_spec.horizon
    for images, proprio in zip(episode.images, episode.proprio, strict=True):
        assert env.observation_space.contains({"images": images, "proprio": proprio})
    assert EnvSpec.from_dict(env.pixel_spec.to_dict()) == env.pixel_spec
    assert set(episode.rewards[:-1]) <= {0.0}
    assert episode.rewards[-1] == episode.success


def test_the_same_seed_repeats_bit_for_bit_in_the_same_env_and_in_another(env, case, made):
    first = rollout(env, random_policy(env), seed=7, record_states=True)
    rollout(env, random_policy(env, 1), seed=8)
    assert_same_episode(first, rollout(env, random_policy(env), seed=7, record_states=True))
    other = made(case)
    assert_same_episode(first, rollout(other, random_policy(env), seed=7, record_states=True))
    seeds = [env.reset(seed=seed)[0]["images"] for seed in (7, 8, 9)]
    # The kitchen always starts the same, but for noise that no picture shows.
    assert "Kitchen" in case or any((seeds[0] != other).any() for other in seeds[1:])


def test_a_restored_state_shows_the_stored_image_and_goes_on_bit_for_bit(env, case, made):
    episode = rollout(env, random_policy(env), seed=5, record_states=True)
    middle = len(episode) // 2
    rollout(env, random_policy(env, 1), seed=6)
    env.render()  # for people; changes nothing
    for each in (env, made(case)):  # one that has been elsewhere, and one that was never reset
        restored = each.set_state(episode.states[middle])
        np.testing.assert_array_equal(restored["images"], episode.images[middle])
        np.testing.assert_array_equal(restored["proprio"], episode.proprio[middle])
        for step in range(middle, len(episode)):
            observation, reward, *ended, _ = each.step(episode.actions[step])
            np.testing.assert_array_equal(observation["images"], episode.images[step + 1])
            np.testing.assert_array_equal(each.get_state(), episode.states[step + 1])
            assert reward == episode.rewards[step]
            assert any(ended[:2]) == (step == len(episode) - 1)


def test_restoring_a_state_leaves_it_as_it_is(env):
    rollout(env, random_policy(env), seed=2)
    state = env.get_state()
    env.set_state(state)
    np.testing.assert_array_equal(env.get_state(), state)


def test_the_goal_is_in_the_picture(made):
    env = made("FetchPush-v4", image_size=64)
    env.reset(seed=0)
    shown = []
    for shift in (-0.1, 0.1):
        env.inner.env.goal[1] = 0.75 + shift
        images = env.set_state(env.get_state())["images"][0].astype(int)
        red = images[..., 0] - images[..., 1:].max(axis=-1) > 100
        shown.append(np.argwhere(red)[:, 1].mean())
    assert abs(shown[0] - shown[1]) > 5


def test_images_are_upright(made):
    images = made("FetchPush-v4", image_size=64).reset(seed=0)[0]["images"].astype(int)
    for view in images:
        assert view[0, -1, 1] > view[0, -1, 0] + 50, "green floor behind at the top"
        assert abs(np.ptp(view[-1, 32])) < 20, "grey table at the bottom"


def test_the_free_camera_is_the_viewers_own(made):
    plain = gymnasium.make("AdroitHandDoor-v1", render_mode="rgb_array", width=120, height=120)
    plain.reset(seed=0)
    theirs = plain.render().reshape(60, 2, 60, 2, 3).mean(axis=(1, 3))
    plain.close()
    env = made("AdroitHandDoor-v1", cameras=["free"], image_size=60, pretty=True)
    ours = env.reset(seed=0)[0]["images"][0]
    assert np.abs(ours - theirs).mean() < 6
    moved = made("AdroitHandDoor-v1", cameras=["free"], free_camera={"azimuth": 0.0}, image_size=60)
    assert np.abs(moved.reset(seed=0)[0]["images"][0] - theirs).mean() > 20


def test_proprioception_is_of_the_robot_alone(made):
    env = made("FetchPush-v4")
    before, _ = env.reset(seed=0)
    env.inner.env.data.joint("object0:joint").qpos[:2] += 0.1
    after = env.set_state(env.get_state())
    assert (after["images"] != before["images"]).any()
    np.testing.assert_array_equal(after["proprio"], before["proprio"])
    chosen = made("FetchPush-v4", joints=["robot0:elbow_flex_joint"], sites=[])
    assert chosen.pixel_spec.proprio == {"robot0_joint_pos": 1}
    none = made("AdroitHandDoor-v1", joints=[])
    assert none.reset(seed=0)[0]["proprio"].shape == (0,)


def test_actions_are_rescaled_to_the_box_and_clipped(made):
    env = made("drawn")
    places = []
    for action in (-1.0, 0.0, 1.0, 7.0):
        env.reset(seed=0)
        start = env.inner.env.place[0]
        env.step(np.array([action]))
        places.append(env.inner.env.place[0] - start)
    assert np.diff(places) == pytest.approx([5, 5, 0])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("gym/Nothing-v0", {}, "unknown environment 'gym/Nothing-v0'.*gymnasium_robotics"),
        ("gym/FetchReach-v99", {}, "`v4`"),
        ("gym/ALE/Pong-v5", {}, "unknown environment 'gym/ALE/Pong-v5'"),
        ("gym/Meta-World/MT1", {}, "pip install metaworld"),
        ("gym/", {}, "valid: .*gym/FetchReach-v4"),
        ("gym/CartPole-v1", {}, "Discrete.*bounded box"),
        ("gym/Pendulum-v1", {}, "cannot be rendered: pygame"),
        ("gym/Toy-v0", {}, "info has none of .*reward_threshold"),
        ("gym/Toy-v0", {"reward_threshold": 0, "cameras": ["front"]}, "out of render"),
        ("gym/Toy-v0", {"reward_threshold": 0, "sites": ["hand"]}, "no MuJoCo model"),
        ("gym/FetchReach-v4", {"success": "won"}, "no 'won', only is_success"),
        ("gym/FetchReach-v4", {"cameras": ["front"]}, "external_camera_0, free"),
        ("gym/FetchReach-v4", {"cameras": []}, "external_camera_0, free"),
        ("gym/FetchReach-v4", {"image_size": 0}, "pixels"),
        ("gym/FetchReach-v4", {"horizon": 0}, "at least 1"),
        ("gym/FetchReach-v4", {"sites": ["nose"]}, "no site 'nose'; the model has target0"),
        ("gym/FetchReach-v4", {"joints": ["nose"]}, "no joint 'nose'"),
        ("gym/FetchReach-v4", {"free_camera": {"zoom": 2}}, "free_camera.zoom"),
        ("gym/FetchReach-v4", {"speed": 2}, "unexpected keyword argument 'speed'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_its_remedy(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_env(name, **arguments)


@pytest.mark.parametrize(
    ("action", "message"),
    [(np.zeros(3), r"shape \(3,\)"), (np.array([0, np.nan, 0, 0]), "not finite")],
)
def test_a_wrong_action_or_state_is_refused(made, action, message):
    env = made("FetchReach-v4")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(action)
    with pytest.raises(ValueError, match="state has shape"):
        env.set_state(np.zeros(3))
