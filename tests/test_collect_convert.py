"""Laws of the stages that make a file and render it again, on the real simulator."""

from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest
from omegaconf import OmegaConf

from calql_vision.datasets.hdf5 import DatasetError, Selection, read_episodes, read_spec
from calql_vision.engine.parallel import map_in_order
from calql_vision.formats.hdf5 import PixelFile
from calql_vision.runs.config import RolloutsConfig, TaskConfig
from calql_vision.stages import collect, convert
from calql_vision.stages.collect import CollectConfig
from calql_vision.stages.convert import ConvertConfig
from calql_vision.stages.inspect import InspectConfig

TASK = TaskConfig(image_size=16, horizon=25, collect_kwargs={"start_region": 0.5})
PERFECT = partial(CollectConfig, task=TASK, episodes=2, noise=0.0)


def contents(path) -> dict:
    """Every dataset and every attribute of a file, by name."""
    found = {}
    with h5py.File(path) as file:

        def note(name, item):
            found[name] = item[:] if isinstance(item, h5py.Dataset) else None
            found.update({f"{name}@{key}": value for key, value in item.attrs.items()})

        file.visititems(note)
    return found


def assert_same_contents(one: dict, other: dict):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("config", [CollectConfig, ConvertConfig, InspectConfig])
def test_configurations_survive_omegaconf(config):
    assert OmegaConf.to_object(OmegaConf.structured(config)) == config()


# Collect ----------------------------------------------------------------------------------------


def test_the_number_of_processes_does_not_change_the_file(tmp_path):
    files = [tmp_path / "one.hdf5", tmp_path / "two.hdf5"]
    for processes, path in enumerate(files, start=1):
        how = RolloutsConfig(workers=processes)
        collect.run(PERFECT(output=str(path), rollouts=how, noise=None))
    assert_same_contents(*map(contents, files))


def test_an_episode_depends_on_its_number_and_seed_alone(tmp_path):
    for name, episodes, seed in (("few", 1, 0), ("more", 2, 0), ("other", 1, 1)):
        collect.run(PERFECT(output=str(tmp_path / name), episodes=episodes, seed=seed))
    (few,), (more, second), (other,) = (
        list(read_episodes(tmp_path / name)) for name in ("few", "more", "other")
    )
    np.testing.assert_array_equal(few.images, more.images)
    np.testing.assert_array_equal(few.actions, more.actions)
    assert not np.array_equal(few.images[0], second.images[0])
    assert not np.array_equal(few.images[0], other.images[0])


def test_the_file_tells_how_it_was_collected(tmp_path):
    collect.run(PERFECT(output=str(tmp_path / "lift.hdf5"), episodes=1))
    spec = read_spec(tmp_path / "lift.hdf5")
    assert (spec.name, spec.image_size, spec.horizon) == (TASK.name, (16, 16), 25)
    assert spec.kwargs["start_region"] == 0.5


def test_collect_says_what_it_wrote(tmp_path, capsys):
    result = collect.run(PERFECT(output=str(tmp_path / "lift.hdf5")))
    lengths = [len(episode) for episode in read_episodes(tmp_path / "lift.hdf5")]
    assert (result.episodes, result.transitions, result.successes) == (2, sum(lengths), 2)
    (line,) = capsys.readouterr().out.splitlines()
    assert f"2 episodes, {sum(lengths)} transitions, 100% successful" in line


def test_an_existing_file_is_replaced_only_when_told(tmp_path):
    path = tmp_path / "lift.hdf5"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="exists already; set overwrite=true"):
        collect.run(PERFECT(output=str(path)))
    assert path.read_bytes() == b"older"
    collect.run(PERFECT(output=str(path), overwrite=True))
    assert len(list(read_episodes(path))) == 2


def test_an_interrupted_collection_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(collect.Demonstrator, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collect.run(PERFECT(output=str(tmp_path / "lift.hdf5")))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"episodes": 0}, "episodes=0"),
        ({"rollouts": RolloutsConfig(workers=0)}, r"rollouts\.workers=0"),
        ({"done_mode": 7}, "done_mode=7"),
        ({"seed": 1000}, "seed=1000"),
        ({"noise": -1.0}, "noise=-1.0"),
        ({"task": TaskConfig(name="tabletop/juggle")}, "tabletop/juggle"),
    ],
)
def test_an_impossible_collection_is_refused_and_leaves_nothing(tmp_path, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        collect.run(PERFECT(output=str(tmp_path / "lift.hdf5"), **change))
    assert not list(tmp_path.iterdir())


def test_what_a_worker_raises_in_another_process_is_raised_here():
    clumsy = partial(collect.Demonstrator, TASK, -1.0, 0)
    with pytest.raises(ValueError, match=r"noise=-1\.0"):
        list(map_in_order(clumsy, [5], RolloutsConfig(workers=2)))


# Convert ----------------------------------------------------------------------------------------


def test_rendering_the_states_again_repeats_the_file_bit_for_bit(demonstrations, tmp_path):
    output = tmp_path / "again.hdf5"
    convert.run(ConvertConfig(source=str(demonstrations), output=str(output), next_obs=True))
    assert_same_contents(contents(demonstrations), contents(output))


@pytest.mark.parametrize("other", [np.zeros((12, 1), dtype="V4"), np.zeros((12, 9))])
def test_next_obs_of_another_kind_than_obs_is_refused(other, demonstrations, tmp_path):
    """By those who read a file's pictures as they are, such as conversion to LeRobot."""
    path = tmp_path / "other.hdf5"
    path.write_bytes(demonstrations.read_bytes())
    with h5py.File(path, "a") as file:
        key = next(key for key, stored in file["data/demo_0/obs"].items() if stored.ndim == 2)
        del file[f"data/demo_0/next_obs/{key}"]
        file[f"data/demo_0/next_obs/{key}"] = other
    with pytest.raises(DatasetError, match=f"next_obs/{key}.* per step, obs/{key} float32"):
        list(PixelFile(path, Selection()))


def test_states_alone_are_enough(demonstrations, tmp_path):
    bare = tmp_path / "states.hdf5"
    bare.write_bytes(demonstrations.read_bytes())
    with h5py.File(bare, "a") as file:
        for demo in file["data"].values():
            for key in ("obs", "next_obs", "rewards", "dones"):
                del demo[key]
    result = convert.run(ConvertConfig(source=str(bare), next_obs=True))
    assert result == tmp_path / "states_pixels.hdf5"
    assert_same_contents(contents(demonstrations), contents(result))


def test_cameras_and_size_can_be_chosen_and_the_rest_is_kept(demonstrations, tmp_path):
    with h5py.File(demonstrations, "a") as file:
        file["data/demo_1"].attrs["ep_meta"] = "a remark"
        file["data"].attrs["collector"] = "a name"
    output = tmp_path / "large.hdf5"
    config = ConvertConfig(source=str(demonstrations), output=str(output), cameras=["wrist"])
    convert.run(replace(config, image_size=32, gzip=True, done_mode=0))
    old, new = read_spec(demonstrations), read_spec(output)
    assert new == replace(old, cameras=("wrist",), image_size=(32, 32))
    before, after = contents(demonstrations), contents(output)
    assert after["data/demo_1@ep_meta"] == "a remark"
    assert after["data@collector"] == "a name"
    for key in ("actions", "rewards", "states", "obs/robot0_eef_pos"):
        np.testing.assert_array_equal(after[f"data/demo_1/{key}"], before[f"data/demo_1/{key}"])
    for key in ("mask/train", "mask/valid"):
        np.testing.assert_array_equal(after[key], before[key])
    for key in ("train", "valid"):
        assert len(list(read_episodes(output, Selection(filter_key=key))))


def delete_states(file):
    del file["data/demo_1/states"]


def widen_states(file):
    del file["data/demo_1/states"]
    file["data/demo_1/states"] = np.zeros((len(file["data/demo_1/actions"]), 3))


def rename_environment(file):
    text = file["data"].attrs["env_args"]
    file["data"].attrs["env_args"] = text.replace("tabletop/lift", "tabletop/juggle")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (delete_states, "demo_1: states is missing"),
        (widen_states, "demo_1: states do not fit"),
        (rename_environment, "tabletop/juggle"),
    ],
)
def test_a_file_that_cannot_be_rendered_is_refused(demonstrations, tmp_path, change, sentence):
    source = tmp_path / "source.hdf5"
    source.write_bytes(demonstrations.read_bytes())
    with h5py.File(source, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=sentence):
        convert.run(ConvertConfig(source=str(source)))
    assert list(tmp_path.iterdir()) == [source]


def test_states_of_another_model_are_rendered_with_a_warning(demonstrations, tmp_path):
    source = tmp_path / "source.hdf5"
    source.write_bytes(demonstrations.read_bytes())
    with h5py.File(source, "a") as file:
        file["data/demo_0"].attrs["model_file"] = "<mujoco/>"
    with pytest.warns(UserWarning, match="stored model is not the environment's"):
        convert.run(ConvertConfig(source=str(source)))


def test_convert_needs_a_source_and_keeps_an_existing_output(demonstrations, tmp_path):
    with pytest.raises(ValueError, match="source is not set"):
        convert.run(ConvertConfig())
    with pytest.raises(ValueError, match="exists already"):
        convert.run(ConvertConfig(source=str(demonstrations), output=str(demonstrations)))


def test_a_task_that_is_a_file_has_its_demonstrations_there(demonstrations):
    task = TaskConfig(name=f"robosuite/{demonstrations}")
    assert task.data_path == demonstrations
    before = demonstrations.read_bytes()
    with pytest.raises(ValueError, match="with demonstrations of its own; give output="):
        collect.run(CollectConfig(task=task, overwrite=True))
    assert demonstrations.read_bytes() == before
