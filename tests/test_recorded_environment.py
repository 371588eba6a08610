"""What convert finds out of robosuite's recordings, asks for and refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError, read_spec
from calql_vision.envs import make_env
from calql_vision.envs.rendering import load_mujoco
from calql_vision.formats.robosuite_traces import control_frequency, physics_steps
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Callable[..., Path]:
    """record(robot, controller, hz) -> a folder that robosuite wrote: one episode of 3 steps."""
    load_mujoco()  # chooses how to render, which robosuite would leave to chance
    import robosuite
    from robosuite.controllers import load_composite_controller_config, load_part_controller_config
    from robosuite.wrappers import DataCollectionWrapper

    def build(robot: str = "Panda", controller: str | None = None, hz: int = 20) -> Path:
        composite: Any = load_composite_controller_config(robot=robot)
        if controller:
            part = load_part_controller_config(default_controller=controller)
            composite["body_parts"]["right"] = part | {"gripper": {"type": "GRIP"}}
        folder = tmp_path_factory.mktemp("recorded")
        bare = dict.fromkeys(("has_renderer", "has_offscreen_renderer", "use_camera_obs"), False)
        how = {"robots": [robot], "controller_configs": composite, "control_freq": hz}
        env = robosuite.make("Lift", **how, **bare, ignore_done=True, hard_reset=False, seed=0)
        env = DataCollectionWrapper(env, str(folder))
        env.reset()
        for _ in range(3):
            env.step(np.full(env.action_dim, 0.3))
        env.close()
        return folder

    return build


@pytest.fixture(scope="module")
def positions(record) -> Path:
    """Four numbers an action, ten actions a second."""
    return record(controller="OSC_POSITION", hz=10)


@pytest.fixture(scope="module")
def sawyer(record) -> Path:
    return record(robot="Sawyer")


def pixels(source: Path, output: Path, **changes) -> Path:
    choice: dict[str, Any] = {"image_size": 8, "cameras": ["agentview"]} | changes
    return convert.run(ConvertConfig(source=str(source), output=str(output), **choice))


def test_the_clock_is_read_and_the_controller_is_asked_for(positions, tmp_path):
    with pytest.raises(DatasetError, match=r"have 4 numbers.*OSC_POSE takes 7.*=OSC_POSITION"):
        pixels(positions, tmp_path / "lift.hdf5")
    assert not list(tmp_path.iterdir())
    path = pixels(positions, tmp_path / "lift.hdf5", env_kwargs={"controller": "OSC_POSITION"})
    assert (read_spec(path).action_dim, read_spec(path).control_hz) == (4, 10)
    env: Any = make_env(f"robosuite/{path}")
    assert (env.controller, env.pixel_spec.action_dim) == ("OSC_POSITION", 4)
    assert env.pixel_spec.control_hz == 10
    env.close()


def test_the_robot_is_read_and_an_assumed_controller_is_said(sawyer, tmp_path, capsys):
    path = pixels(sawyer, tmp_path / "lift.hdf5")
    assert read_spec(path).kwargs["robots"] == ["Sawyer"]
    assert "does not name its controller" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder", "env_kwargs", "sentence"),
    [
        ("positions", {"controller": "OSC_POSITION", "control_freq": 20}, r"control_freq=10$"),
        ("sawyer", {"robots": "Panda"}, r"have the robot sawyer, not Panda; .*robots=sawyer$"),
        ("sawyer", {"controller": "JOINT_POSITION"}, "with JOINT_POSITION takes 8; say which"),
    ],
)
def test_what_contradicts_a_recording_is_refused(folder, env_kwargs, sentence, request, tmp_path):
    source = request.getfixturevalue(folder)
    with pytest.raises(DatasetError, match=sentence):
        pixels(source, tmp_path / "lift.hdf5", env_kwargs=env_kwargs)
    assert not list(tmp_path.iterdir())


def gathered(folder: Path, attributes: dict[str, str]) -> Path:
    """The recordings as one file with states, as robosuite's gathering lays it out."""
    recordings = convert.recognised(folder).open(folder)
    path = folder / "demo.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update(attributes)
        recordings.copy_demo("demo_0", data.create_group("demo_1"))
    return path


def test_a_gathered_file_needs_no_other_script(sawyer, tmp_path):
    info = json.dumps({"env_name": "Lift", "robots": ["Sawyer"]})
    attributes = {"env": "Lift", "env_info": info, "repository_version": "1.5.2"}
    spec = read_spec(pixels(gathered(sawyer, attributes), tmp_path / "lift.hdf5"))
    assert (spec.name, spec.kwargs["robots"]) == ("robosuite/Lift", ["Sawyer"])


def test_a_file_that_names_no_environment_is_told_one(sawyer, tmp_path):
    nameless = gathered(sawyer, {})
    with pytest.raises(DatasetError, match=r"give env=family/task, or run robomimic's convert_r"):
        pixels(nameless, tmp_path / "lift.hdf5")
    spec = read_spec(pixels(nameless, tmp_path / "lift.hdf5", env="robosuite/Lift"))
    assert (spec.name, spec.kwargs["robots"]) == ("robosuite/Lift", ["Sawyer"])


@pytest.mark.parametrize("hz", [10, 15, 20, 25, 30, 50, 100, 20.5])
def test_a_clock_tells_a_frequency_of_the_same_physics(hz):
    states = np.arange(5)[:, None] * (physics_steps(hz) * 0.002)
    found = control_frequency(states)
    assert found is not None
    assert physics_steps(found) == physics_steps(hz)
    assert found == hz or hz in (15, 20.5)


def test_a_clock_that_jumps_tells_nothing():
    assert control_frequency(np.array([[0.0], [0.05], [0.3]])) is None
    assert control_frequency(np.zeros((4, 1))) is None
