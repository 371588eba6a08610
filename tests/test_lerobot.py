"""LeRobot datasets: one that the lerobot package wrote, and ours there and back."""

import importlib.util
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import imageio.v3 as imageio
import numpy as np
import pyarrow.parquet
import pytest

from calql_vision.datasets.hdf5 import DatasetError, EpisodeWriter, read_episodes, read_spec
from calql_vision.formats import lerobot_write
from calql_vision.formats.lerobot import feature_statistics, statistics_over_all
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig

HERE = Path(__file__).parent / "lerobot_v3"
VIDEO_LOSS = 4.0  # mean difference in levels of 255 that H.264 and AV1 leave on these pictures


@pytest.fixture
def package_dataset(tmp_path) -> Path:
    """Written by the lerobot package; see tests/lerobot_v3/README.md."""
    with zipfile.ZipFile(HERE / "dataset.zip") as archive:
        archive.extractall(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The module that made the dataset, but for lerobot itself."""
    source = (HERE / "make.py").read_text().replace("from lerobot.", "# from lerobot.")
    path = tmp_path_factory.mktemp("make") / "make.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("made", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(source: Path, output: Path, **changes) -> Path:
    return convert.run(ConvertConfig(source=str(source), output=str(output), **changes))


def test_what_the_package_wrote_is_read(package_dataset, made, tmp_path):
    path = run(package_dataset, tmp_path / "tiny.hdf5", env="tabletop/lift")
    spec, episodes = read_spec(path), list(read_episodes(path))
    assert (spec.name, spec.control_hz, spec.cameras) == ("tabletop/lift", 10.0, ("front", "wrist"))
    assert [episode.success for episode in episodes] == list(made.SUCCESSES)
    for number, (episode, length) in enumerate(zip(episodes, made.LENGTHS, strict=True)):
        # No observation after the last action is stored, so that a failure loses its last step.
        steps = length if episode.success else length - 1
        assert len(episode) == steps
        for step in range(steps):
            frame = made.frame(number, step)
            np.testing.assert_array_equal(episode.actions[step], frame["action"])
            np.testing.assert_array_equal(episode.proprio[step], frame["observation.state"])
            np.testing.assert_array_equal(episode.images[step, 1], made.picture(number, step))
            difference = episode.images[step, 0].astype(int) - made.picture(number, step)
            assert np.abs(difference).mean() < VIDEO_LOSS


def test_the_statistics_are_those_of_the_package(package_dataset, made):
    """Of the data set, but for quantiles, which the package reads off a histogram."""
    theirs = json.loads((package_dataset / "meta/stats.json").read_text())
    keys = ("observation.state", "action", "next.success")
    episodes = []
    for number, length in enumerate(made.LENGTHS):
        frames = [made.frame(number, step) for step in range(length)]
        columns = {key: np.stack([frame[key] for frame in frames]) for key in keys}
        pictures = np.stack([frame["observation.images.wrist"] for frame in frames])
        episodes.append(feature_statistics(columns, {"observation.images.wrist": pictures}))
    ours = statistics_over_all(episodes)
    for key in (*keys, "observation.images.wrist"):
        for name in ("min", "max", "mean", "std", "count"):
            np.testing.assert_allclose(ours[key][name], theirs[key][name], atol=2e-5)
        assert ours[key].keys() == theirs[key].keys()


# Ours, there and back ---------------------------------------------------------------------------


@pytest.fixture
def ours(tmp_path, small_spec, random_episode) -> Path:
    """Four episodes, every other one a success; smooth pictures, as films are made for."""
    spec, path = replace(small_spec, image_size=(32, 48)), tmp_path / "ours.hdf5"
    across = np.linspace(0, 200, 48)
    with EpisodeWriter(path, spec, versions={}) as writer:
        for number in range(4):
            episode = random_episode(spec, 5 + number, number % 2 == 0, seed=number)
            slopes = across + 5 * np.arange(len(episode) + 1)[:, None]
            images = np.broadcast_to(slopes[:, None, None, :, None], episode.images.shape)
            writer.append(replace(episode, images=images.astype(np.uint8)))
    return path


@pytest.mark.parametrize(("lossless", "loss"), [(True, 0.0), (False, VIDEO_LOSS)])
def test_there_and_back_keeps_everything_but_the_pixels_of_a_film(ours, tmp_path, lossless, loss):
    there = run(ours, tmp_path / "lerobot", format="lerobot", lossless=lossless)
    back = run(there, tmp_path / "back.hdf5")
    assert read_spec(back) == read_spec(ours)
    with h5py.File(ours) as before, h5py.File(back) as after:
        assert list(after["data"]) == list(before["data"])
        for name, demo in before["data"].items():
            for key in ("actions", "rewards", "dones", "obs/robot0_eef_pos"):
                np.testing.assert_array_equal(after[f"data/{name}/{key}"], demo[key])
            for key in ("obs/front_image", "obs/wrist_image"):
                pixels = after[f"data/{name}/{key}"][:].astype(int)
                assert np.abs(pixels - demo[key][:]).mean() <= loss


def test_the_tables_are_laid_out_as_the_package_does(ours, package_dataset, tmp_path):
    """Same columns of the same types, where both data sets have the feature."""
    there = run(ours, tmp_path / "lerobot", format="lerobot", instruction="lift the cube")
    both = (there, package_dataset)
    info, theirs = (json.loads((path / "meta/info.json").read_text()) for path in both)
    assert info.keys() >= theirs.keys()
    for name in ("codebase_version", "data_path", "video_path", "fps"):
        assert info[name] == theirs[name]
    for table, common in (("data", 8), ("meta/episodes", 60)):
        mine, other = (schema(path / f"{table}/chunk-000/file-000.parquet") for path in both)
        shared = mine.keys() & other.keys()
        assert len(shared) >= common
        assert {k: mine[k] for k in shared} == {k: other[k] for k in shared}
    tasks = [pyarrow.parquet.read_table(path / "meta/tasks.parquet").to_pylist() for path in both]
    assert tasks[0] == tasks[1]


def schema(path: Path) -> dict[str, str]:
    """Column -> type, however wide."""
    found = pyarrow.parquet.read_schema(path)
    return {field.name: str(field.type).split("[")[0] for field in found}


def test_many_files_are_written_and_read_as_one(ours, tmp_path, monkeypatch):
    whole = run(ours, tmp_path / "whole", format="lerobot")
    monkeypatch.setattr(lerobot_write, "FILM_BYTES", 1)
    monkeypatch.setattr(lerobot_write, "CHUNK", 3)
    split = run(ours, tmp_path / "split", format="lerobot")
    assert (split / "data/chunk-001/file-000.parquet").exists()
    files = [run(p, tmp_path / f"{p.name}.hdf5").read_bytes() for p in (whole, split)]
    assert files[0] == files[1]


def test_cameras_of_unequal_shape_get_black_bars(ours, tmp_path):
    """The second camera twice as wide, in the source's own files."""
    source = run(ours, tmp_path / "source", format="lerobot", lossless=True)
    widen(source, "observation.images.wrist")
    with pytest.warns(UserWarning, match="wrist is 32 x 96 pixels and becomes 32 x 48 with black"):
        path = run(source, tmp_path / "boxed.hdf5")
    before, after = next(iter(read_episodes(ours))).images, next(iter(read_episodes(path))).images
    np.testing.assert_array_equal(after[0, 0], before[0, 0])
    assert not after[:, 1, :8].any()
    assert not after[:, 1, 24:].any()
    assert after[0, 1, 8:24, 8:].any(axis=-1).all()
    square = next(iter(read_episodes(run(source, tmp_path / "16.hdf5", image_size=16)))).images
    assert not square[:, 0, :2].any()
    assert not square[:, 1, :5].any()
    assert square[0, 0, 4:12, 4:].any(axis=-1).all()


def widen(source: Path, camera: str) -> None:
    path, info = source / "data/chunk-000/file-000.parquet", source / "meta/info.json"
    stated = json.loads(info.read_text())
    stated["features"][camera]["shape"][1] *= 2
    info.write_text(json.dumps(stated))
    table = pyarrow.parquet.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        wide = np.repeat(imageio.imread(io.BytesIO(row[camera]["bytes"])), 2, axis=1)
        row[camera]["bytes"] = imageio.imwrite("<bytes>", wide, extension=".png")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, table.schema), path)


def test_nothing_is_taken_for_success_silently(package_dataset, tmp_path):
    drop_column(package_dataset / "data/chunk-000/file-000.parquet", "next.success")
    with pytest.raises(DatasetError, match="does not say which steps succeed; set success=all"):
        run(package_dataset, tmp_path / "tiny.hdf5")
    path = run(package_dataset, tmp_path / "tiny.hdf5", success="all")
    assert all(episode.success for episode in read_episodes(path))


def drop_column(path: Path, name: str) -> None:
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns([name]), path)


def an_older_version(folder: Path) -> None:
    info = folder / "meta/info.json"
    info.write_text(info.read_text().replace("v3.0", "v2.1"))


def without_a_film(folder: Path) -> None:
    (folder / "videos/observation.images.front/chunk-000/file-000.mp4").unlink()


def a_short_film(folder: Path) -> None:
    table = folder / "meta/episodes/chunk-000/file-000.parquet"
    rows = pyarrow.parquet.read_table(table).to_pylist()
    rows[-1]["videos/observation.images.front/from_timestamp"] += 0.5
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), table)


def large_actions(folder: Path) -> None:
    path = folder / "data/chunk-000/file-000.parquet"
    rows = pyarrow.parquet.read_table(path).to_pylist()
    for row in rows:
        row["action"] = [100 * value for value in row["action"]]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (an_older_version, "layout v2.1, not v3.0; convert it with lerobot's own"),
        (without_a_film, "file-000.mp4: no such file"),
        (a_short_film, "file-000.mp4: ends after 12 frames"),
        (large_actions, r"actions reach 30, outside \[-1, 1\]; set rescale_actions=true"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    package_dataset, tmp_path, damage, sentence
):
    damage(package_dataset)
    with pytest.raises(DatasetError, match=sentence):
        run(package_dataset, tmp_path / "tiny.hdf5")
    assert list(tmp_path.iterdir()) == [package_dataset]


def test_actions_are_rescaled_by_the_range_that_the_dataset_states(package_dataset, tmp_path):
    path = run(package_dataset, tmp_path / "tiny.hdf5", rescale_actions=True)
    actions = np.concatenate([episode.actions for episode in read_episodes(path)])
    np.testing.assert_allclose((actions.min(), actions.max()), (-1, 1))


def test_a_folder_of_another_kind_is_never_replaced(ours, tmp_path):
    (tmp_path / "photographs").mkdir()
    with pytest.raises(ValueError, match="is a folder, not a LeRobot dataset"):
        run(ours, tmp_path / "photographs", format="lerobot", overwrite=True)
