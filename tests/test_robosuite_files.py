"""Laws of robosuite environments and files: other versions' headers, and files of our own."""

import json
import warnings
from typing import Any

import h5py
import pytest
import robosuite

from calql_vision.datasets.hdf5 import DatasetError, EpisodeWriter, read_spec
from calql_vision.engine.environments import spec_env
from calql_vision.engine.rollout import rollout
from calql_vision.envs import make_env, make_expert
from calql_vision.envs.robosuite.arguments import composite_controller
from calql_vision.types import EnvSpec

#: A controller as robomimic's files of robosuite 1.2 to 1.4 state it.
FLAT = {
    "type": "OSC_POSE",
    "input_max": 1,
    "input_min": -1,
    "output_max": [0.05, 0.05, 0.05, 0.5, 0.5, 0.5],
    "output_min": [-0.05, -0.05, -0.05, -0.5, -0.5, -0.5],
    "kp": 150,
    "damping": 1,
    "impedance_mode": "fixed",
    "kp_limits": [0, 300],
    "damping_limits": [0, 10],
    "position_limits": None,
    "orientation_limits": None,
    "uncouple_pos_ori": True,
    "control_delta": True,
    "interpolation": None,
    "ramp_ratio": 0.2,
}
COMPOSITE = {
    "type": "BASIC",
    "body_parts": {"right": FLAT | {"input_ref_frame": "world", "gripper": {"type": "GRIP"}}},
}
ENV_KWARGS = {
    "has_renderer": False,
    "has_offscreen_renderer": True,
    "ignore_done": True,
    "use_object_obs": True,
    "use_camera_obs": True,
    "control_freq": 20,
    "robots": ["Panda"],
    "camera_depths": False,
    "camera_heights": 84,
    "camera_widths": 84,
    "render_gpu_device_id": 0,
    "reward_shaping": False,
    "camera_names": ["robot0_eye_in_hand", "agentview"],
}
#: env_args of robomimic's published files, by the version that recorded them
HEADERS = {
    "1.4.1": {
        "env_name": "Lift",
        "env_version": "1.4.1",
        "type": 1,
        "env_kwargs": ENV_KWARGS | {"controller_configs": FLAT},
    },
    "1.5.1": {
        "env_name": "Lift",
        "env_version": "1.5.1",
        "env_type": 1,
        "env_kwargs": ENV_KWARGS | {"controller_configs": COMPOSITE, "lite_physics": False},
    },
}


@pytest.fixture
def recorded(tmp_path):
    """recorded(env_args) -> a file that says so."""

    def write(env_args):
        path = tmp_path / "demo.hdf5"
        with h5py.File(path, "w") as file:
            file.create_group("data").attrs["env_args"] = json.dumps(env_args)
        return path

    return write


def test_a_flat_controller_becomes_a_composite_one():
    arm = composite_controller(FLAT)["body_parts"]["right"]
    assert arm["gripper"] == {"type": "GRIP"}
    assert (arm["damping_ratio"], arm["damping_ratio_limits"]) == (1, [0, 10])
    assert (arm["input_type"], arm["input_ref_frame"]) == ("delta", "world")
    assert not {"damping", "damping_limits", "control_delta"} & arm.keys()


def test_a_composite_controller_is_left_as_it_is():
    assert composite_controller(COMPOSITE) == COMPOSITE
    nested = {"type": "BASIC", "body_parts": {"arms": {"right": FLAT}}}
    assert composite_controller(nested) == {"type": "BASIC", "body_parts": {"right": FLAT}}


def test_absolute_goals_are_refused():
    with pytest.raises(ValueError, match="delta actions"):
        composite_controller(FLAT | {"control_delta": False})


@pytest.mark.parametrize("version", HEADERS)
def test_a_file_rebuilds_its_environment_and_both_versions_are_named(recorded, version):
    path = recorded(HEADERS[version])
    with pytest.warns(UserWarning, match=f"robosuite {version} but {robosuite.__version__}"):
        env: Any = make_env(f"robosuite/{path}", image_size=16)
    simulation = env.simulation
    arm = simulation.robot.part_controllers["right"]
    spec = env.pixel_spec
    assert (spec.name, spec.cameras) == ("robosuite/Lift", ("robot0_eye_in_hand", "agentview"))
    assert (arm.name, arm.input_ref_frame) == ("OSC_POSE", "world")
    assert simulation.env.lite_physics is False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = spec_env(EnvSpec.from_dict(json.loads(json.dumps(spec.to_dict()))))
    assert again.pixel_spec == spec
    env.close()
    again.close()


def test_a_file_of_ours_rebuilds_its_environment_here_and_in_robosuite(tmp_path):
    keys = ["robot0_joint_pos", "robot0_gripper_qpos"]
    env = make_env("robosuite/Lift", image_size=16, horizon=40, proprio_keys=keys, pretty=True)
    path = tmp_path / "lift.hdf5"
    with EpisodeWriter(path, env.pixel_spec, versions={}) as writer:
        writer.append(rollout(env, make_expert(env, noise=0.0), seed=0, record_states=True))
    env.close()
    assert read_spec(path) == env.pixel_spec
    again = make_env(f"robosuite/{path}", image_size=16)
    assert again.pixel_spec == env.pixel_spec
    again.close()
    with h5py.File(path) as file:
        env_args, demo = json.loads(file["data"].attrs["env_args"]), file["data/demo_0"]
        xml, states, rewards = demo.attrs["model_file"], demo["states"][:], demo["rewards"][:]
    bare = {"has_offscreen_renderer": False, "use_camera_obs": False, "renderer": "mujoco"}
    theirs = robosuite.make(env_args["env_name"], **env_args["env_kwargs"] | bare)
    theirs.reset_from_xml_string(theirs.edit_model_xml(xml))
    assert (env_args["type"], env_args["env_version"]) == (1, robosuite.__version__)
    for state, solved in zip(states, [0, *rewards], strict=False):
        theirs.sim.set_state_from_flattened(state)
        theirs.sim.forward()
        assert bool(theirs._check_success()) == bool(solved)
    theirs.close()


def test_a_file_of_another_family_is_refused(recorded):
    path = recorded({"env_name": "tabletop/lift", "type": 2})
    with pytest.raises(ValueError, match="recorded in 'tabletop/lift'"):
        make_env(f"robosuite/{path}")
    with pytest.raises(DatasetError, match="no such file"):
        make_env("robosuite/nowhere.hdf5")
