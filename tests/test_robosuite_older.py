"""Laws of recordings that robosuite 1.4.1 itself wrote; see robosuite_1_4/README.md."""

import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import read_spec
from calql_vision.engine.environments import spec_env
from calql_vision.envs import make_env
from calql_vision.envs.robosuite.older_models import fits, joint_names
from calql_vision.stages.convert import ConvertConfig
from calql_vision.stages.convert import run as convert

RECORDINGS = Path(__file__).parent / "robosuite_1_4" / "recordings.zip"
TASKS = ("Lift", "Door")
#: Floors differ between the versions; these rows of agentview show none.
NO_FLOOR = {"Lift": slice(20, None), "Door": slice(0, 28)}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("older")
    with zipfile.ZipFile(RECORDINGS) as packed:
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def converted(recordings):
    """task -> its recording with pixels, drawn as robosuite draws."""

    def convert_one(task):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            output = convert(
                ConvertConfig(
                    source=str(recordings / f"{task.lower()}.hdf5"),
                    env_kwargs={"pretty": True},
                    cameras=["agentview"],
                )
            )
        return output, [str(warning.message) for warning in warned]

    return {task: convert_one(task) for task in TASKS}


@pytest.mark.parametrize("task", TASKS)
def test_it_is_seen_as_the_older_version_saw_it(task, recordings, converted):
    seen = np.load(recordings / f"{task.lower()}.npz")
    with h5py.File(converted[task][0]) as file:
        obs = file["data/demo_1/obs"]
        hand, images = (obs[key][[0, -1]] for key in ("robot0_eef_pos", "agentview_image"))
    np.testing.assert_allclose(hand, seen["robot0_eef_pos"], atol=1e-6)
    differences = np.abs(images.astype(int) - seen["agentview"])[:, NO_FLOOR[task]]
    assert differences.mean() < 2


@pytest.mark.parametrize("task", TASKS)
def test_both_versions_are_named(task, converted):
    said = " ".join(converted[task][1])
    assert "recorded with robosuite 1.4.1 but 1.5.2 is installed" in said
    assert "1.5.2's own stands in" in said


def test_a_person_reads_one_sentence_per_warning(recordings, tmp_path):
    words = [f"source={recordings / 'door.hdf5'}", "output=door.hdf5", "image_size=16"]
    run = subprocess.run(
        [sys.executable, "-m", "calql_vision", "convert", *words],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stderr.count("warning: ") == 2
    assert ".py" not in run.stderr, "where in the code, helps nobody"


def test_an_opened_door_is_a_success(converted):
    with h5py.File(converted["Door"][0]) as file:
        assert file["data/demo_1/rewards"][:].tolist() == [0, 0, 0, 1, 1, 1]


def test_the_next_episode_is_the_tasks_own(recordings):
    with h5py.File(recordings / "lift.hdf5") as file:
        demo = file["data/demo_1"]
        model, state = ElementTree.fromstring(demo.attrs["model_file"]), demo["states"][0]
    model.find("worldbody/body[@name='table']").set("pos", "0.3 0 0.8")
    used: Any = make_env("robosuite/Lift", cameras=["agentview"])
    fresh = make_env("robosuite/Lift", cameras=["agentview"])
    with pytest.warns(UserWarning, match="stands in"):
        used.load_model(ElementTree.tostring(model, encoding="unicode"))
    used.set_state(state)
    expected, found = fresh.reset(seed=4)[0], used.reset(seed=4)[0]
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key])
    used.close()
    fresh.close()


def test_the_result_makes_its_environment(converted):
    env = spec_env(read_spec(str(converted["Lift"][0])))
    assert env.reset(seed=0)[0]["images"].shape == (1, 84, 84, 3)
    env.close()


def test_only_the_same_joints_fit(recordings):
    env = make_env("robosuite/Lift", cameras=["agentview"])
    own = env.model_xml()
    env.close()
    models = {}
    for task in TASKS:
        with h5py.File(recordings / f"{task.lower()}.hdf5") as file:
            models[task] = file["data/demo_1"].attrs["model_file"]
    assert fits(models["Lift"], own)
    assert not any(fits(other, own) for other in (models["Door"], own, "<mujoco/>"))
    assert joint_names(own)[-1] == "cube_joint0"
