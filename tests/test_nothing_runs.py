"""No code that data brings along runs: not as it is read, not as its environment is made."""

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError
from calql_vision.engine.environments import spec_env
from calql_vision.envs import make_env
from calql_vision.formats.plain_objects import plain_objects
from calql_vision.formats.robosuite import RobosuiteFolder
from calql_vision.runs.config import TaskConfig
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig
from calql_vision.types import EnvSpec


class Touch:
    """Pickled, it is an order to make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def recorded(folder: Path, **changes) -> Path:
    """A folder as DataCollectionWrapper leaves it, with other arrays in the place of its own."""
    episode = folder / "ep_1700000000_5"
    episode.mkdir(parents=True)
    (episode / "model.xml").write_text("<mujoco/>")
    own: dict[str, Any] = {
        "states": np.zeros((3, 5)),
        "action_infos": [{"actions": np.array([0.5, -1.0])} for _ in range(2)],
        "successful": False,
        "env": "Lift",
    }
    np.savez(episode / "state_1700000000_75.npz", **own | changes)
    return folder


def test_what_robosuite_pickles_is_read_as_it_was(tmp_path):
    folder = RobosuiteFolder(recorded(tmp_path))
    recording = folder.read("demo_0")
    assert folder.env_args()["env_name"] == "robosuite/Lift"
    np.testing.assert_array_equal(recording.actions, np.full((2, 2), [0.5, -1], np.float32))
    np.testing.assert_array_equal(recording.states, np.zeros((3, 5)))


@pytest.mark.parametrize("key", ["action_infos", "states", "env", "successful"])
def test_a_pickle_that_names_a_function_is_refused_by_its_name(tmp_path, key):
    trap = np.array([Touch(tmp_path / "ran"), 0], dtype=object)
    source = recorded(tmp_path / "raw", **{key: trap})
    with pytest.raises(DatasetError) as refusal:
        convert.run(ConvertConfig(source=str(source), output=str(tmp_path / "out.hdf5")))
    assert key in str(refusal.value)
    assert key != "action_infos" or "posix.mkdir" in str(refusal.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw"]


def test_an_npz_of_objects_is_refused(tmp_path):
    np.savez(tmp_path / "0.npz", actions=np.array([Touch(tmp_path / "ran")], dtype=object))
    with pytest.raises(DatasetError, match="actions holds Python objects"):
        convert.run(ConvertConfig(source=str(tmp_path), output=str(tmp_path / "out.hdf5")))
    assert not (tmp_path / "ran").exists()


#: Programs that only numpy's own machinery, or C's, would take: memory of any size, raw pointers.
PROGRAMS = {
    "a builtin": b"cbuiltins\neval\n(S'1'\ntR.",
    "a part of a name": b"\x80\x04\x8c\x05numpy\x8c\x0dcore.os.mkdir\x93.",
    "an object array's raw bytes": b"cnumpy\ndtype\n(S'O8'\ntR.",
    "a huge memo": b"]r\xff\xff\xff\x7f.",
    "a huge claim": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "a cut": b"\x80\x04]",
    "nothing": b"",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_other_programs_end_in_a_sentence(program):
    with pytest.raises(ValueError, match="holds objects that are not read"):
        plain_objects(program)


def test_minari_makes_no_environment_to_find_a_space(tmp_path):
    """It would call the function that `entry_point` names, with the arguments beside it."""
    source, ran = tmp_path / "minari", tmp_path / "ran"
    source.mkdir()
    named = {"id": "X-v0", "entry_point": "os:mkdir", "kwargs": {"path": str(ran)}}
    named |= {"additional_wrappers": []}
    content = {"data_format": "hdf5", "total_episodes": 0, "env_spec": json.dumps(named)}
    (source / "metadata.json").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="has no observation_space; minari would run"):
        convert.run(ConvertConfig(source=str(source), output=str(tmp_path / "out.hdf5")))
    assert not ran.exists()


# Environments ------------------------------------------------------------------------------------

MODULE = "gym/hostile_module:X-v0"


@pytest.fixture
def imported(tmp_path, monkeypatch) -> Path:
    """A folder that appears when the module of MODULE is imported."""
    folder = tmp_path / "imported"
    (tmp_path / "hostile_module.py").write_text(f"import os; os.mkdir({str(folder)!r})")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hostile_module", raising=False)
    return folder


def spec(name: str, **kwargs) -> EnvSpec:
    return EnvSpec(name, ("free",), (8, 8), {}, 3, 10, 10.0, kwargs)


def states_of(path: Path, env_args: dict) -> Path:
    """A file of one demo's simulator states."""
    with h5py.File(path, "w") as file:
        file.create_group("data").attrs["env_args"] = json.dumps(env_args)
        file["data/demo_0/actions"] = np.zeros((2, 4))
        file["data/demo_0/states"] = np.zeros((2, 5))
    return path


def test_a_data_file_imports_no_module_unless_the_user_types_it(tmp_path, imported):
    source = states_of(tmp_path / "demo.hdf5", {"env_name": MODULE, "type": 2})
    config = ConvertConfig(source=str(source), output=str(tmp_path / "out.hdf5"))
    with pytest.raises(ValueError, match=f"demo.hdf5 asks for .*; .*type env={MODULE}"):
        convert.run(config)
    assert not imported.exists()
    with pytest.raises(ValueError, match="unknown environment"):
        convert.run(replace(config, env=MODULE))
    assert imported.exists()


def test_a_checkpoint_imports_no_module_unless_the_user_types_it(imported):
    with pytest.raises(ValueError, match=f"the checkpoint asks for .*; .*type task.name={MODULE}"):
        spec_env(spec(MODULE))
    assert not imported.exists()
    with pytest.raises(ValueError, match="unknown environment"):
        spec_env(spec(MODULE), TaskConfig(name=MODULE))
    assert imported.exists()


def test_an_argument_that_names_a_file_is_the_user_s_alone(tmp_path):
    model = str(tmp_path / "model.xml")
    hopper = spec("gym/Hopper-v5", xml_file=model)
    with pytest.raises(ValueError, match=r"type task.kwargs.xml_file="):
        spec_env(hopper)
    with pytest.raises(OSError, match=r"model.xml does not exist"):
        spec_env(hopper, TaskConfig(kwargs={"xml_file": model}))


@pytest.mark.parametrize(
    ("env_args", "sentence"),
    [
        ({"env_name": "other.hdf5", "type": 1}, "may import a module or read a file"),
        ({"env_name": "Lift", "type": 1, "env_kwargs": {"robots": "../x"}}, "argument robots="),
        ({"env_name": "tabletop/lift", "env_kwargs": {"image_size": 8}}, "no argument of its own"),
        ({"env_name": "tabletop/lift", "env_kwargs": {"colour": 8}}, "cannot be made"),
    ],
)
def test_other_arguments_end_in_a_sentence(tmp_path, env_args, sentence):
    source = states_of(tmp_path / "demo.hdf5", env_args)
    with pytest.raises(ValueError, match=sentence):
        convert.run(ConvertConfig(source=str(source), output=str(tmp_path / "out.hdf5")))


def test_a_model_names_no_file_but_robosuite_s_own(tmp_path):
    outside = tmp_path / "stranger.xml"
    outside.write_text("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
    env: Any = make_env("robosuite/Lift", image_size=8)
    own = env.model_xml()
    for part in (
        f"<include file='{outside}'/>",
        f"<asset><mesh name='m' file='{outside}'/></asset>",
        f"<asset><texture name='t' type='cube' fileright='{outside}'/></asset>",
        f"<asset><hfield name='h' size='1 1 1 1' file='{outside}'/></asset>",
    ):
        with pytest.raises(ValueError, match=r"which (is not robosuite's|robosuite never writes)"):
            env.load_model(own.replace("</mujoco>", f"{part}</mujoco>"))
    first = re.findall(r'file="([^"]*)"', own)[0]
    with pytest.raises(ValueError, match="which is not robosuite's"):
        env.load_model(own.replace(first, f"robosuite/{'../' * 20}{outside}", 1))
    env.load_model(own.replace("</mujoco>", " </mujoco>"))
    env.close()
