"""What a file names lies in it, or in its folder; names become files only if they are plain."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import imageio_ffmpeg
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError, read_episodes
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig

LEROBOT = Path(__file__).parent / "lerobot_v3/dataset.zip"


def run(source: Path, output: Path, **changes) -> Path:
    return convert.run(ConvertConfig(source=str(source), output=str(output), **changes))


# HDF5 ------------------------------------------------------------------------------------------


def by_link(file: h5py.File, secret: Path) -> None:
    file["data/demo_0/actions"] = h5py.ExternalLink(str(secret), "numbers")


def by_link_to_a_demo(file: h5py.File, secret: Path) -> None:
    file["data/demo_1"] = h5py.ExternalLink(str(secret), "/")


def by_external_storage(file: h5py.File, secret: Path) -> None:
    file["data/demo_0"].create_dataset("actions", (3, 2), "f8", external=[(str(secret), 0, 48)])


def by_virtual_source(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((3, 2), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "numbers", (3, 2))
    file["data/demo_0"].create_virtual_dataset("actions", layout)


@pytest.mark.parametrize(
    "reach", [by_link, by_link_to_a_demo, by_external_storage, by_virtual_source]
)
def test_an_hdf5_file_takes_nothing_from_another(foreign_file, demo, tmp_path, reach):
    secret = tmp_path / "secret.hdf5"
    with h5py.File(secret, "w") as file:
        file["numbers"] = np.zeros((3, 2))
    path = foreign_file({"demo_0": demo([0, 0, 1])})
    with h5py.File(path, "a") as file:
        if reach is not by_link_to_a_demo:
            del file["data/demo_0/actions"]
        reach(file, secret)
    for read in (lambda: list(read_episodes(path)), lambda: run(path, tmp_path / "out.hdf5")):
        with pytest.raises(DatasetError, match=r"file, which is not followed; copy all into one"):
            read()


def test_a_mask_names_demos_alone(foreign_file, demo):
    path = foreign_file({"demo_0": demo([0, 1])}, masks={"train": ["demo_0/obs"]})
    with pytest.raises(DatasetError, match="mask/train lists demo_0/obs, which data"):
        list(read_episodes(path, convert.Selection(filter_key="train")))


# Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["../../../../escaped/x_image", "/etc/x_image", "a\\b_image"])
def test_no_key_of_an_npz_becomes_a_path(tmp_path, key):
    source = tmp_path / "npz"
    source.mkdir()
    frames = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    actions, success = np.zeros((2, 2)), np.array(True)
    np.savez(source / "0.npz", **{key: frames}, actions=actions, success=success)
    for changes in ({"format": "lerobot", "control_hz": 10.0}, {}):
        with pytest.raises(ValueError, match=r"is no plain name .*; rename it"):
            run(source, tmp_path / "a/b/c/d/e/out", **changes)
    assert not (tmp_path / "escaped").exists()
    assert not list(tmp_path.rglob("*x_image*"))


# LeRobot ----------------------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path) -> Path:
    with zipfile.ZipFile(LEROBOT) as archive:
        archive.extractall(tmp_path / "tiny")
    return tmp_path / "tiny"


def change_info(dataset: Path, **changes) -> None:
    info = dataset / "meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | changes))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("data_path", "../elsewhere/file-{file_index:03d}.parquet"),
        ("data_path", "/elsewhere/{chunk_index}.parquet"),
        ("data_path", "data/{chunk_index.__class__}"),
        ("video_path", "../elsewhere/{video_key}.mp4"),
        ("video_path", "videos/{video_key:>999999999}"),
    ],
)
def test_a_lerobot_dataset_names_no_path_of_its_own(dataset, tmp_path, key, path):
    shutil.copytree(dataset / "data/chunk-000", tmp_path / "elsewhere")
    change_info(dataset, **{key: path})
    with pytest.raises(DatasetError, match=f"{key} is .*, not '"):
        run(dataset, tmp_path / "out.hdf5")


def test_a_feature_s_name_is_no_path(dataset, tmp_path):
    features = json.loads((dataset / "meta/info.json").read_text())["features"]
    features["../../up"] = features["observation.images.front"]
    change_info(dataset, features=features)
    with pytest.raises(ValueError, match=r"a feature: '../../up' is no plain name"):
        run(dataset, tmp_path / "out.hdf5")


def test_a_film_is_an_mp4_whatever_it_says(dataset, tmp_path):
    """ffmpeg would follow a playlist to other files, or over the network."""
    (film,) = dataset.glob("videos/*front/*/*.mp4")
    film.rename(film.with_name("other.mp4"))
    film.write_text("ffconcat version 1.0\nfile other.mp4\n")
    assert next(imageio_ffmpeg.read_frames(str(film)))["size"]  # ffmpeg by itself
    with pytest.raises(DatasetError, match=r"file-000.mp4: cannot be decoded"):
        run(dataset, tmp_path / "out.hdf5")
