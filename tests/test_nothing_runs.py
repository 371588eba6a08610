"""No code that data brings along runs: not as it is read, not as its environment is made."""

import os
from pathlib import Path

import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError
from calql_vision.formats.plain_objects import plain_objects
from calql_vision.formats.robosuite import RobosuiteFolder
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig


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
    own = {
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
