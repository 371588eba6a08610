"""Laws of the tabletop tasks alone."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from calql_vision.envs import make_env
from calql_vision.envs.tabletop import TASKS


@pytest.fixture
def lift():
    env = make_env("tabletop/lift", image_size=16)
    yield env
    env.close()


@pytest.mark.parametrize("class_name", TASKS.values())
def test_a_registered_id_passes_gymnasiums_checker_without_warnings(class_name):
    env = gymnasium.make(f"calql_vision.envs:calql_vision/{class_name}-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("name", [f"tabletop/{task}" for task in TASKS])
def test_start_region_scales_the_starts_of_the_things_about_their_middle(name):
    starts = {}
    for region in (0.0, 0.5, 1.0):
        env: Any = make_env(name, image_size=8, cameras=["front"], start_region=region)
        env.reset(seed=11)
        data = env.data
        starts[region] = np.concatenate([data.mocap_pos.ravel(), data.qpos[5:8]])
        env.close()
    half, whole = starts[0.5] - starts[0.0], starts[1.0] - starts[0.0]
    assert np.abs(whole).max() > 0.01
    np.testing.assert_allclose(2 * half, whole, atol=1e-12)


def test_images_are_upright_and_not_mirrored(lift):
    cube = {}
    for side in (-1, 1):
        lift.reset(seed=0)
        lift.data.qpos[5:7] = (0.0, 0.08 * side)
        images = lift.set_state(lift.get_state())["images"].astype(int)
        red = images[..., 0] - images[..., 1:].max(axis=-1) > 60
        cube[side] = [np.argwhere(view)[:, 1].mean() for view in red]
    assert cube[1][0] > cube[-1][0]  # the front camera faces the robot: its left is at the right
    assert cube[1][1] < cube[-1][1]  # the wrist camera looks as the robot does
    front, wrist = images
    assert front[0, 0, 2] > front[0, 0, 0]  # blue floor behind the table at the top,
    assert front[-1, 0, 0] > front[-1, 0, 2]  # wood at the bottom
    assert wrist[0].mean() < 100 < wrist[-1].mean()  # dark hand above the bright mat


def test_the_hand_stays_in_its_workspace_and_the_grip_follows(lift):
    lift.reset(seed=0)
    for _ in range(20):
        observation, *_ = lift.step(np.array([1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(observation["proprio"], [0.22, 0.22, 0.24, 0.0], atol=0.005)
    for _ in range(5):
        observation, *_ = lift.step(np.array([0.0, 0.0, 0.0, -1.0]))
    assert observation["proprio"][3] == pytest.approx(0.076, abs=0.005)
