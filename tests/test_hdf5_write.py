"""Laws of writing: what is written is read back, whole or not at all."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calql_vision.datasets.hdf5 import DatasetError, EpisodeWriter, read_episodes, read_spec

VERSIONS = {"calql-vision": "0.1.0", "mujoco": "3.9.0"}


def assert_same(read, written):
    for name in ("images", "proprio", "actions", "rewards"):
        expected = getattr(written, name)
        assert getattr(read, name).dtype == expected.dtype
        np.testing.assert_array_equal(getattr(read, name), expected, err_msg=name)
    assert read.success == written.success


@settings(max_examples=25, deadline=None)
@given(
    outcomes=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=4),
    compression=st.sampled_from([None, "gzip"]),
    done_mode=st.sampled_from([0, 1, 2]),
    seed=st.integers(0, 1000),
)
def test_what_is_written_with_next_obs_is_read_back_equal(
    tmp_path_factory, small_spec, random_episode, outcomes, compression, done_mode, seed
):
    path = tmp_path_factory.mktemp("round_trip") / "data.hdf5"
    episodes = [
        random_episode(small_spec, steps, success, seed + number)
        for number, (steps, success) in enumerate(outcomes)
    ]
    writer = EpisodeWriter(
        path,
        small_spec,
        versions=VERSIONS,
        compression=compression,
        next_obs=True,
        done_mode=done_mode,
    )
    with writer:
        for episode in episodes:
            writer.append(episode)
    for read, written in zip(read_episodes(path), episodes, strict=True):
        assert_same(read, written)


def test_without_next_obs_only_the_last_observation_is_lost(tmp_path, small_spec, random_episode):
    success, failure = (random_episode(small_spec, 5, outcome) for outcome in (True, False))
    with EpisodeWriter(tmp_path / "data.hdf5", small_spec, versions=VERSIONS) as writer:
        writer.append(success)
        writer.append(failure)
    read_success, read_failure = read_episodes(tmp_path / "data.hdf5")
    repeated = [0, 1, 2, 3, 4, 4]
    assert_same(
        read_success,
        replace(success, images=success.images[repeated], proprio=success.proprio[repeated]),
    )
    assert_same(
        read_failure,
        replace(
            failure,
            images=failure.images[:5],
            proprio=failure.proprio[:5],
            actions=failure.actions[:4],
            rewards=failure.rewards[:4],
        ),
    )


def test_the_environment_is_described_completely(tmp_path, small_spec, random_episode):
    with EpisodeWriter(tmp_path / "data.hdf5", small_spec, versions=VERSIONS) as writer:
        writer.append(random_episode(small_spec, 3, True))
    spec = read_spec(tmp_path / "data.hdf5")
    assert spec == small_spec
    assert list(spec.proprio) == list(small_spec.proprio), "the order of concatenation"
    with h5py.File(tmp_path / "data.hdf5") as file:
        env_args = json.loads(file["data"].attrs["env_args"])
    assert env_args["type"] == env_args["env_type"] == 2
    assert env_args["env_version"] == "calql-vision 0.1.0, mujoco 3.9.0"


def test_the_layout_is_robomimics(tmp_path, small_spec, random_episode):
    episodes = [random_episode(small_spec, 4, True, 1), random_episode(small_spec, 6, False, 2)]
    with EpisodeWriter(tmp_path / "data.hdf5", small_spec, versions=VERSIONS) as writer:
        for episode in episodes:
            writer.append(episode)
    with h5py.File(tmp_path / "data.hdf5") as file:
        assert file["data"].attrs["total"] == 10
        for number, episode in enumerate(episodes):
            demo = file[f"data/demo_{number}"]
            steps = len(episode)
            assert demo.attrs["num_samples"] == steps
            assert demo.attrs["model_file"] == episode.model
            assert "next_obs" not in demo
            np.testing.assert_array_equal(demo["states"], episode.states[:steps])
            np.testing.assert_array_equal(demo["obs/wrist_image"], episode.images[:steps, 1])
            np.testing.assert_array_equal(demo["obs/robot0_eef_pos"], episode.proprio[:steps, 1:])


@pytest.mark.parametrize(
    ("done_mode", "success", "failure"),
    [(0, [0, 0, 1], [0, 0, 0]), (1, [0, 0, 1], [0, 0, 1]), (2, [0, 0, 1], [0, 0, 1])],
)
def test_dones_follow_the_done_mode(
    tmp_path, small_spec, random_episode, done_mode, success, failure
):
    path = tmp_path / "data.hdf5"
    with EpisodeWriter(path, small_spec, versions=VERSIONS, done_mode=done_mode) as writer:
        writer.append(random_episode(small_spec, 3, True))
        writer.append(random_episode(small_spec, 3, False))
    with h5py.File(path) as file:
        assert file["data/demo_0/dones"][:].tolist() == success
        assert file["data/demo_1/dones"][:].tolist() == failure


@pytest.mark.parametrize(("episodes", "valid"), [(1, 0), (2, 1), (20, 2)])
def test_masks_part_the_demos_the_same_way_every_time(
    tmp_path, small_spec, random_episode, episodes, valid
):
    splits = []
    for path in (tmp_path / "one.hdf5", tmp_path / "two.hdf5"):
        with EpisodeWriter(path, small_spec, versions=VERSIONS) as writer:
            for number in range(episodes):
                writer.append(random_episode(small_spec, 1, True, number))
        with h5py.File(path) as file:
            splits.append([file["mask/train"][:].tolist(), file["mask/valid"][:].tolist()])
    train, held_out = splits[0]
    assert splits[0] == splits[1]
    assert len(held_out) == valid
    assert sorted(train + held_out) == sorted(f"demo_{n}".encode() for n in range(episodes))


def test_a_compressed_frame_can_be_unpacked_alone(tmp_path, small_spec, random_episode):
    path = tmp_path / "data.hdf5"
    with EpisodeWriter(path, small_spec, versions=VERSIONS, compression="gzip") as writer:
        writer.append(random_episode(small_spec, 3, True))
    with h5py.File(path) as file:
        assert file["data/demo_0/obs/front_image"].chunks == (1, 4, 6, 3)


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_folder_as_it_was(tmp_path, small_spec, random_episode, interruption):
    path = tmp_path / "data.hdf5"
    path.write_bytes(b"older")
    writer = EpisodeWriter(path, small_spec, versions=VERSIONS)

    def interrupted():
        with writer:
            writer.append(random_episode(small_spec, 3, True))
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_no_episode_no_file(tmp_path, small_spec):
    writer = EpisodeWriter(tmp_path / "data.hdf5", small_spec, versions=VERSIONS)
    with pytest.raises(DatasetError, match="no episode was appended"), writer:
        pass
    assert not list(tmp_path.iterdir())


def test_a_success_that_rewards_do_not_show_is_refused(tmp_path, small_spec, random_episode):
    episode = replace(random_episode(small_spec, 3, True), rewards=np.zeros(3, dtype=np.float32))
    writer = EpisodeWriter(tmp_path / "data.hdf5", small_spec, versions=VERSIONS)
    with pytest.raises(DatasetError, match="demo_0 cannot be stored"), writer:
        writer.append(episode)


@pytest.mark.parametrize("storage", [{"done_mode": 3}, {"compression": "zip"}])
def test_unknown_storage_is_refused_with_the_valid_ones(tmp_path, small_spec, storage):
    with pytest.raises(DatasetError, match="does not exist; choose"):
        EpisodeWriter(tmp_path / "data.hdf5", small_spec, versions=VERSIONS, **storage)
