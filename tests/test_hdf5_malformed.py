"""A malformed file is refused in one sentence: file, demo, key and remedy."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError, Selection, read_episodes, read_spec

SIZE = (4, 6)


def put(key: str, array) -> Callable[[h5py.File], None]:
    """Replace (None: delete) a dataset of demo_1."""

    def change(file: h5py.File) -> None:
        del file[f"data/demo_1/{key}"]
        if array is not None:
            file[f"data/demo_1/{key}"] = array

    return change


def set_env_args(text) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file["data"].attrs["env_args"]
        if text is not None:
            file["data"].attrs["env_args"] = text

    return change


def empty_data(file: h5py.File) -> None:
    for name in list(file["data"]):
        del file["data"][name]


def set_num_samples(value) -> Callable[[h5py.File], None]:
    return lambda file: file["data/demo_1"].attrs.__setitem__("num_samples", value)


def set_all(key: str, array) -> Callable[[h5py.File], None]:
    """Of both demos."""

    def change(file: h5py.File) -> None:
        for demo in file["data"].values():
            del demo[key]
            demo[key] = array

    return change


def actions_as_group(file: h5py.File) -> None:
    del file["data/demo_1/actions"]
    file["data/demo_1"].create_group("actions")


def set_mask(listed) -> Callable[[h5py.File], None]:
    """`mask/train`: an array, a group ({}), or no group `mask` at all (None)."""

    def change(file: h5py.File) -> None:
        del file["mask"]
        if listed is None:
            file["mask"] = np.zeros(3)
        elif isinstance(listed, dict):
            file.create_group("mask/train")
        else:
            file["mask/train"] = listed

    return change


def no_data(file: h5py.File) -> None:
    del file["data"]


IMAGE = "obs/agentview_image"
MALFORMED = {
    "no data": (no_data, ["no group 'data'"]),
    "no demos": (empty_data, ["holds no demo"]),
    "no env_args": (set_env_args(None), ["env_args", "add"]),
    "env_args no JSON": (set_env_args("{"), ["env_args is not JSON"]),
    "env_args no name": (set_env_args("{}"), ["env_name"]),
    **{
        f"env_args with {words}": (set_env_args(json.dumps({"env_name": "Lift"} | part)), [words])
        for part, words in (
            ({"env_name": 3}, "env_name is 3, not a name"),
            ({"env_version": [1]}, "env_version is [1], not text"),
            ({"type": "one"}, "type is 'one', not a whole number"),
            ({"env_kwargs": [1, 2]}, "env_kwargs is [1, 2], not a mapping"),
            ({"calql_vision": "x"}, "calql_vision is 'x', not a mapping"),
            ({"proprio_keys": [1]}, "proprio_keys is [1], not a list of names"),
            ({"env_kwargs": {"camera_names": 5}}, "camera_names is 5, not a list of names"),
            ({"env_kwargs": {"camera_heights": 10**9}}, "camera_heights is 1000000000, not a"),
            ({"env_kwargs": {"horizon": "long"}}, "horizon is 'long', not a whole number"),
            ({"env_kwargs": {"control_freq": float("nan")}}, "control_freq is nan, not a number"),
        )
    },
    "env_args nested deeply": (set_env_args("[" * 10**5), ["env_args is not JSON"]),
    "no actions": (put("actions", None), ["demo_1", "actions is missing", "rewards"]),
    "no rewards": (put("rewards", None), ["demo_1", "rewards is missing"]),
    "no obs": (put("obs", None), ["demo_1", "obs", "is missing"]),
    "no camera": (put(IMAGE, None), ["demo_1", IMAGE, "is missing", "robot0_eef_pos"]),
    "no proprio": (put("obs/robot0_eef_pos", None), ["demo_1", "robot0_eef_pos", "is missing"]),
    "no next_obs key": (put("next_obs/robot0_eef_pos", None), ["next_obs/robot0_eef_pos"]),
    "short rewards": (put("rewards", np.zeros(2)), ["demo_1", "rewards has 2 steps", "3"]),
    "short images": (put(IMAGE, np.zeros((2, *SIZE, 3), np.uint8)), [IMAGE, "has 2 steps"]),
    "short proprio": (put("obs/robot0_eef_pos", np.zeros((2, 3))), ["has 2 steps", "repair"]),
    "short next_obs": (put(f"next_{IMAGE}", np.zeros((2, *SIZE, 3), np.uint8)), ["next_obs"]),
    "num_samples": (set_num_samples(9), ["demo_1", "num_samples is 9"]),
    "NaN rewards": (put("rewards", [0, np.nan, 1]), ["rewards is NaN", "step 1", "drop"]),
    "inf actions": (put("actions", np.full((3, 2), np.inf)), ["actions is NaN or infinite"]),
    "NaN proprio": (put("obs/robot0_eef_pos", np.full((3, 3), np.nan)), ["robot0_eef_pos is NaN"]),
    "large actions": (put("actions", np.full((3, 2), 1.5)), ["reaches 1.5", "rescale"]),
    "text actions": (put("actions", np.full((3, 2), b"a")), ["actions is of type", "numbers"]),
    "flat actions": (put("actions", np.zeros(3)), ["actions has shape (3,)"]),
    "wide actions": (put("actions", np.zeros((3, 5))), ["width 5", "first demo's 2"]),
    "wide proprio": (put("obs/robot0_eef_pos", np.zeros((3, 9))), ["width 9", "first demo's 3"]),
    "float images": (put(IMAGE, np.zeros((3, *SIZE, 3))), [IMAGE, "floats", "multiply by 255"]),
    "other ints": (put(IMAGE, np.zeros((3, *SIZE, 3), np.int64)), [IMAGE, "int64", "not uint8"]),
    "grey images": (put(IMAGE, np.zeros((3, *SIZE, 1), np.uint8)), [IMAGE, "[T, H, W, 3]"]),
    "actions beyond float32": (put("actions", np.full((3, 2), 1e300)), ["infinite as float32"]),
    "dangling camera": (put(IMAGE, h5py.SoftLink("/gone")), [IMAGE, "link to nothing", "repair"]),
    "dangling obs": (put("obs", h5py.SoftLink("/gone")), ["demo_1", f"{IMAGE} is missing"]),
    "links in a circle": (put("obs", h5py.SoftLink("/data/demo_1/obs/x")), ["damaged", "links"]),
    "an attribute no text": (set_num_samples(b"\xff\xfe"), ["damaged", "utf-8"]),
    "num_samples a table": (set_num_samples(np.full((2, 2), np.nan)), ["num_samples is [[nan"]),
    "obs no group": (put("obs", np.zeros(3)), ["demo_1", "is missing; there are none"]),
    "group for actions": (actions_as_group, ["demo_1", "actions is missing"]),
    "no width": (set_all("actions", np.zeros((3, 0))), ["actions", "holds no number per step"]),
    "no pixels": (set_all(IMAGE, np.zeros((3, 0, 0, 3), np.uint8)), [IMAGE, "nothing"]),
    "num_samples a list": (set_num_samples([3, 3]), ["num_samples is [3 3]", "repair"]),
    "mask a list": (set_mask(None), ["mask is no group"]),
    "mask of numbers": (set_mask(np.arange(3)), ["mask/train is no list of names"]),
    "mask a group": (set_mask({}), ["mask/train is no list of names"]),
    "other size": (put(IMAGE, np.zeros((3, 8, 8, 3), np.uint8)), [IMAGE, "(8, 8)", "image_size"]),
    "next_obs unlike": (put(f"next_{IMAGE}", np.zeros((3, 8, 8, 3), np.uint8)), ["like obs"]),
}  # fmt: skip


def read_all(path: Path) -> None:
    list(read_episodes(path))
    list(read_episodes(path, Selection(filter_key="train")))


@pytest.fixture
def file_to_break(foreign_file, demo):
    demos = {f"demo_{n}": demo([0, 0, 1], next_obs=True) for n in range(2)}
    return foreign_file(demos, masks={"train": ["demo_0"], "stale": ["demo_7"]})


@pytest.mark.parametrize(("change", "words"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_file_is_refused_with_place_and_remedy(file_to_break, change, words):
    assert len(list(read_episodes(file_to_break))) == 2
    with h5py.File(file_to_break, "a") as file:
        change(file)
    with pytest.raises(DatasetError) as caught:
        read_all(file_to_break)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in [str(file_to_break), *words]:
        assert word in sentence


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"filter_key": "test"}, ["no filter key 'test'", "stale, train"]),
        ({"filter_key": "stale"}, ["mask/stale lists demo_7", "does not hold"]),
        ({"cameras": ["front"]}, ["demo_0", "no camera 'front'", "agentview_image"]),
        ({"proprio_keys": ["object"]}, ["demo_0", "'object'", "robot0_eef_pos"]),
    ],
)
def test_an_unknown_choice_is_refused_with_the_valid_ones(file_to_break, choice, words):
    with pytest.raises(DatasetError) as caught:
        list(read_episodes(file_to_break, Selection(**choice)))
    for word in [str(file_to_break), *words]:
        assert word in str(caught.value)


def test_a_file_without_images_names_the_remedy(foreign_file, demo):
    arrays = demo([0, 1])
    del arrays[IMAGE]
    with pytest.raises(DatasetError, match=r"no images.*convert"):
        read_spec(foreign_file({"demo_0": arrays}))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere.hdf5: no such file"):
        list(read_episodes(tmp_path / "nowhere.hdf5"))


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(DatasetError, match=r"text.hdf5: not an HDF5 file"):
        list(read_episodes(tmp_path / "text.hdf5"))


def test_a_truncated_file_is_named(file_to_break):
    whole = file_to_break.read_bytes()
    file_to_break.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"truncated or damaged.*again"):
        list(read_episodes(file_to_break))


def test_damage_inside_a_dataset_is_named(file_to_break):
    with h5py.File(file_to_break, "a") as file:
        frames = file["data/demo_1"][IMAGE][:]
        del file["data/demo_1"][IMAGE]
        packed = file["data/demo_1"].create_dataset(IMAGE, data=frames, compression="gzip")
        place = packed.id.get_chunk_info(0)
    content = bytearray(file_to_break.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = b"\xff" * place.size
    file_to_break.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"demo_1: {IMAGE} cannot be read"):
        list(read_episodes(file_to_break))
