"""Laws of the robosuite family alone: pictures, models, states, experts, messages."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import robosuite

from calql_vision.engine.rollout import rollout
from calql_vision.envs import make_env, make_expert
from calql_vision.envs.rendering import Cameras

SIZE = 48
#: one of each kind besides Lift, which goes through all of test_envs.py
TASKS = ("Stack", "PickPlaceSingle", "PickPlaceCan", "NutAssemblySquare", "Door", "ToolHang")


@pytest.fixture(scope="module")
def lift():
    env = make_env("robosuite/Lift", image_size=SIZE, horizon=10)
    yield env
    env.close()


def robosuites_pictures(env) -> np.ndarray:
    """What robosuite's own renderer draws of the state that `env` is in, as robomimic stores it."""
    cameras, (height, width) = env.pixel_spec.cameras, env.pixel_spec.image_size
    theirs = robosuite.make(
        env.task,
        robots="Panda",
        camera_names=list(cameras),
        camera_heights=height,
        camera_widths=width,
        renderer="mujoco",
        seed=0,
    )
    theirs.reset_from_xml_string(theirs.edit_model_xml(env.model_xml()))
    theirs.sim.set_state_from_flattened(env.get_state())
    theirs.sim.forward()
    seen = theirs._get_observations(force_update=True)
    theirs.close()
    return np.stack([seen[f"{camera}_image"][::-1] for camera in cameras])


@pytest.mark.parametrize("task", ["Lift", "Door"])
def test_pretty_is_robosuites_own_picture_and_plain_differs_at_edges_alone(task):
    pretty = make_env(f"robosuite/{task}", image_size=SIZE, pretty=True)
    plain = make_env(f"robosuite/{task}", image_size=SIZE)
    pretty.reset(seed=0)
    for _ in range(5):
        shown, *_ = pretty.step(np.array([1, -1, -1, 0, 0, 0, 1.0]))
    theirs = robosuites_pictures(pretty)
    np.testing.assert_array_equal(shown["images"], theirs)
    ours = plain.set_state(pretty.get_state())["images"].astype(int)
    difference = np.abs(ours - theirs)
    assert difference.mean() < 8  # textures and edges alias, the floor reflects nothing
    assert difference.mean() < np.abs(ours[:, ::-1] - theirs).mean() / 3
    assert difference.mean() < np.abs(ours[:, :, ::-1] - theirs).mean() / 2
    pretty.close()
    plain.close()


def test_what_is_left_out_before_drawing_is_out_of_sight(lift):
    lift.reset(seed=0)
    simulation = lift.simulation
    names = simulation.env.sim.model.camera_names
    drawn = {}
    for cull in (False, True):
        cameras = Cameras(simulation.model, names, (20, 36), hidden_groups=(0,), cull=cull)
        drawn[cull] = cameras.render(simulation.data)
        cameras.close()
    np.testing.assert_array_equal(drawn[True], drawn[False])


@pytest.mark.parametrize("task", TASKS)
def test_a_task_starts_steps_restores_and_ends(task):
    env = make_env(f"robosuite/{task}", image_size=16, cameras=["frontview"], horizon=3)
    env.reset(seed=1)
    state, action = env.get_state(), np.zeros(7)
    seen, *_, truncated, _ = env.step(action)
    env.reset(seed=2)
    env.set_state(state)
    again, *_ = env.step(action)
    for key, values in seen.items():
        np.testing.assert_array_equal(again[key], values)
    assert not truncated
    env.step(action)
    assert env.step(action)[3]
    env.close()


def test_a_door_that_was_moved_is_stored_in_the_model():
    env: Any = make_env("robosuite/Door", image_size=SIZE, cameras=["frontview"])
    env.reset(seed=3)
    xml, flat = env.model_xml(), env.get_state()[: 1 + 11 + 11]
    there = env.set_state(flat)["images"]
    env.reset(seed=4)
    elsewhere = env.set_state(flat)["images"]
    env.load_model(xml)
    np.testing.assert_array_equal(env.set_state(flat)["images"], there)
    assert (there != elsewhere).any()
    env.close()


def test_a_reset_returns_from_a_loaded_model_to_the_tasks_own(lift):
    first, _ = lift.reset(seed=5)
    xml = lift.model_xml()
    half = xml.replace('name="cube_g0_vis"', 'name="cube_g0_vis" rgba="0 0 1 1"', 1)
    lift.load_model(half.replace("robosuite/models", "/home/else/robosuite/models"))
    again, _ = lift.reset(seed=5)
    assert half != xml
    assert lift.model_xml() == xml
    np.testing.assert_array_equal(again["images"], first["images"])


def test_a_model_of_another_version_is_refused_and_the_env_goes_on(lift):
    xml = lift.model_xml()
    first, _ = lift.reset(seed=6)
    for bad in (xml.replace("right_center", "middle"), "<mujoco/>", "no model"):
        with pytest.raises(ValueError, match=r"does not fit Lift of robosuite 1\.5"):
            lift.load_model(bad)
    again, _ = lift.reset(seed=6)
    np.testing.assert_array_equal(again["images"], first["images"])


def test_models_name_no_folder_of_this_machine(lift):
    assert 'file="robosuite/models/assets' in lift.model_xml()
    assert robosuite.__path__[0] not in lift.model_xml()


def test_a_state_begins_as_robosuite_flattens_it_and_that_much_restores_the_picture(lift):
    lift.reset(seed=0)
    shown, *_ = lift.step(np.ones(7))
    flat = lift.simulation.env.sim.get_state().flatten()
    np.testing.assert_array_equal(lift.get_state()[: len(flat)], flat)
    lift.reset(seed=1)
    np.testing.assert_array_equal(lift.set_state(flat)["images"], shown["images"])


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("Lift", {"cameras": ["top"]}, "agentview"),
        ("Lift", {"proprio_keys": ["robot0_mood"]}, "robot0_eef_pos"),
        ("Lift", {"robots": "Marvin"}, "Panda"),
        ("Lift", {"speed": 3}, "speed"),
        ("Lift", {"hard_reset": True, "seed": 3, "colour": 1}, "colour"),
        ("TwoArmLift", {"robots": ["Panda", "Panda"]}, "more than one arm"),
        ("Lift", {"image_size": 0}, "pixels"),
        ("Lift", {"horizon": 0}, "at least 1"),
    ],
)
def test_a_wrong_argument_is_refused_with_its_remedy(task, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_env(f"robosuite/{task}", **arguments)


def test_experts_are_refused_where_there_are_none(lift):
    joints = {"type": "JOINT_TORQUE", "interpolation": None, "gripper": {"type": "GRIP"}}
    controller = {"type": "BASIC", "body_parts": {"right": joints}}
    env = make_env("robosuite/Lift", image_size=16, controller_configs=controller)
    with pytest.raises(ValueError, match="OSC_POSE, not JOINT_TORQUE"):
        make_expert(env)
    env.close()
    env = make_env("robosuite/Lift", image_size=16, robots="Sawyer")
    with pytest.raises(ValueError, match="robots=Sawyer"):
        make_expert(env)
    env.close()
    env = make_env("robosuite/ToolHang", image_size=16)
    with pytest.raises(ValueError, match="there are Lift, Stack"):
        make_expert(env)
    env.close()


@pytest.mark.parametrize("task", ["Stack", "PickPlaceCan"])
def test_the_expert_without_noise_succeeds(task):
    env = make_env(f"robosuite/{task}", image_size=8, cameras=["agentview"], horizon=200)
    assert rollout(env, make_expert(env, noise=0.0), seed=0).success
    env.close()


def run_python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_robosuite_is_quiet():
    run = run_python(
        "from calql_vision.envs import make_env\n"
        "env = make_env('robosuite/Lift', image_size=8)\n"
        "env.reset(seed=0); env.step([0.0] * 7)"
    )
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)


def test_without_robosuite_names_are_listed_and_making_one_says_what_to_install():
    run = run_python(
        "import sys; sys.modules['robosuite'] = None\n"
        "from calql_vision.envs import env_names, make_env\n"
        "print('robosuite/Lift' in env_names())\n"
        "make_env('robosuite/Lift')"
    )
    assert run.stdout == "True\n"
    assert 'pip install "calql-vision[robosuite]"' in run.stderr.splitlines()[-1]
