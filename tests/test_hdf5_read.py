"""Laws of reading: what an episode is in any file of robomimic's layout."""

from collections.abc import Callable

import numpy as np
import pytest

from calql_vision.datasets.hdf5 import DatasetError, Selection, read_episodes, read_spec


def seen(episode) -> list[int]:
    """The numbers that the episode's observations show; images and proprioception agree."""
    numbers = episode.proprio[:, 0].astype(int).tolist()
    assert episode.images[:, 0, 0, 0, 0].tolist() == numbers
    return numbers


# What an episode is -----------------------------------------------------------------------------


@pytest.mark.parametrize("dones", [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
def test_an_episode_is_a_demo_whatever_dones_say(foreign_file, demo, dones):
    path = foreign_file(
        {"demo_0": demo([0, 0, 0, 1], next_obs=True, dones=dones), "demo_1": demo([0, 0, 1])}
    )
    assert [len(episode) for episode in read_episodes(path)] == [4, 3]


def test_an_episode_ends_at_its_first_success(foreign_file, demo):
    path = foreign_file({"demo_0": demo([0, 0, 1, 1, 1], next_obs=True)})
    (episode,) = read_episodes(path)
    assert episode.rewards.tolist() == [0, 0, 1]
    assert episode.success
    assert seen(episode) == [0, 1, 2, 3]


def test_a_cut_demo_shows_the_stored_observation_after_its_success(foreign_file, demo):
    (episode,) = read_episodes(foreign_file({"demo_0": demo([0, 1, 1])}))
    assert seen(episode) == [0, 1, 2]


def test_a_time_limit_is_not_a_success(foreign_file, demo):
    (episode,) = read_episodes(foreign_file({"demo_0": demo([0, 0, 0], next_obs=True)}))
    assert not episode.success
    assert len(episode) == 3


def test_next_obs_adds_the_last_observation(foreign_file, demo):
    arrays = demo([0, 0, 1], next_obs=True)
    for key in ("agentview_image", "robot0_eef_pos"):
        arrays[f"next_obs/{key}"][:-1] = 99  # only the last entry may be read
        arrays[f"next_obs/{key}"][-1] = 7
    (episode,) = read_episodes(foreign_file({"demo_0": arrays}))
    assert seen(episode) == [0, 1, 2, 7]


def test_a_success_without_next_obs_repeats_its_last_observation(foreign_file, demo):
    (episode,) = read_episodes(foreign_file({"demo_0": demo([0, 0, 1])}))
    assert seen(episode) == [0, 1, 2, 2]
    assert len(episode) == 3


def test_a_failure_without_next_obs_loses_its_last_transition(foreign_file, demo):
    (episode,) = read_episodes(foreign_file({"demo_0": demo([0, 0, 0])}))
    assert seen(episode) == [0, 1, 2]
    assert len(episode) == 2


@pytest.mark.parametrize("rewards", [[], [0]])
def test_a_demo_without_a_usable_transition_is_left_out_with_a_warning(foreign_file, demo, rewards):
    path = foreign_file({"demo_0": demo(rewards), "demo_1": demo([0, 1])})
    with pytest.warns(UserWarning, match="demo_0 is left out"):
        assert [len(episode) for episode in read_episodes(path)] == [2]


def test_types_and_shapes_are_the_episodes(foreign_file, demo):
    (episode,) = read_episodes(foreign_file({"demo_0": demo([0, 1])}))
    assert episode.images.shape == (3, 1, 4, 6, 3)
    assert episode.images.dtype == np.uint8
    assert {a.dtype for a in (episode.proprio, episode.actions, episode.rewards)} == {
        np.dtype(np.float32)
    }


# Which demos, cameras and proprioception ----------------------------------------------------------


def test_demos_come_by_number(foreign_file, demo):
    path = foreign_file({f"demo_{n}": demo([0, 1], first=n) for n in (10, 2, 1)})
    assert [seen(episode)[0] for episode in read_episodes(path)] == [1, 2, 10]


def test_a_filter_key_chooses_demos(foreign_file, demo):
    demos = {f"demo_{n}": demo([0, 1], first=n) for n in range(3)}
    path = foreign_file(demos, masks={"train": ["demo_2", "demo_0"], "valid": ["demo_1"]})
    assert [seen(e)[0] for e in read_episodes(path, Selection(filter_key="train"))] == [0, 2]
    assert [seen(e)[0] for e in read_episodes(path, Selection(filter_key="valid"))] == [1]


@pytest.fixture
def with_images(demo) -> Callable[..., dict]:
    """with_images(*keys) -> a demo of two steps; camera number n shows n everywhere."""

    def build(*keys: str) -> dict:
        arrays = {key: array for key, array in demo([0, 1]).items() if "_image" not in key}
        images = {f"obs/{k}": np.full((2, 4, 6, 3), n, np.uint8) for n, k in enumerate(keys)}
        return arrays | images

    return build


@pytest.mark.parametrize(
    ("keys", "listed", "found"),
    [
        (("a_image", "b_image", "c_image"), ["c", "a"], ("c", "a")),
        (("a_image", "b_image"), ["gone", "b"], ("b",)),
        (("b_image", "robot0_eye_in_hand_image", "agentview_image"), None,
         ("agentview", "robot0_eye_in_hand")),
        (("b_rgb", "a_image"), None, ("a", "b_rgb")),
    ],
)  # fmt: skip
def test_cameras_are_found_by_env_args_then_robomimics_then_all(
    foreign_file, with_images, keys, listed, found
):
    env_args = {"env_kwargs": {"camera_names": listed}} if listed else None
    path = foreign_file({"demo_0": with_images(*keys)}, env_args)
    assert read_spec(path).cameras == found
    (episode,) = read_episodes(path)
    assert episode.images.shape[1] == len(found)


@pytest.mark.parametrize("cameras", [["b", "a"], ["b_image", "a_image"]])
def test_cameras_are_chosen_with_or_without_suffix_and_keep_their_order(
    foreign_file, with_images, cameras
):
    path = foreign_file({"demo_0": with_images("a_image", "b_image", "c_image")})
    (episode,) = read_episodes(path, Selection(cameras=cameras))
    assert episode.images[0, :, 0, 0, 0].tolist() == [1, 0]
    assert read_spec(path, Selection(cameras=cameras)).cameras == ("b", "a")


@pytest.mark.parametrize(
    ("stored", "wanted", "found"),
    [
        (["object", "robot0_gripper_qpos", "robot0_eef_pos"], None,
         ["robot0_eef_pos", "robot0_gripper_qpos"]),
        (["qvel", "qpos"], None, ["qpos", "qvel"]),
        (["object", "robot0_eef_pos"], ["object"], ["object"]),
        (["robot0_eef_pos"], [], []),
    ],
)  # fmt: skip
def test_proprioception_is_robomimics_or_all_or_chosen(
    foreign_file, with_images, stored, wanted, found
):
    arrays = with_images("a_image")
    del arrays["obs/robot0_eef_pos"]
    arrays |= {f"obs/{key}": np.full((2, 2), n, np.float64) for n, key in enumerate(stored)}
    path = foreign_file({"demo_0": arrays})
    assert list(read_spec(path, Selection(proprio_keys=wanted)).proprio) == found
    (episode,) = read_episodes(path, Selection(proprio_keys=wanted))
    assert episode.proprio[0, ::2].tolist() == [stored.index(key) for key in found]


def test_what_env_args_does_not_say_comes_from_the_arrays(foreign_file, demo):
    spec = read_spec(foreign_file({"demo_0": demo([0, 1]), "demo_1": demo([0, 0, 0])}))
    assert (spec.name, spec.horizon, spec.control_hz) == ("robosuite/Lift", 3, 0.0)
    assert (spec.image_size, spec.action_dim, spec.proprio) == ((4, 6), 2, {"robot0_eef_pos": 3})


def test_images_are_resized_only_where_asked_and_needed(foreign_file, demo):
    arrays = demo([0, 1])
    picture = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    picture[:, 8:] = 0  # upright stays upright
    arrays["obs/agentview_image"] = picture
    path = foreign_file({"demo_0": arrays})
    (stored,), (same,) = read_episodes(path), read_episodes(path, Selection(image_size=16))
    np.testing.assert_array_equal(stored.images[:2, 0], picture)
    np.testing.assert_array_equal(same.images, stored.images)
    (small,) = read_episodes(path, Selection(image_size=(4, 8)))
    assert small.images.shape == (3, 1, 4, 8, 3)
    assert read_spec(path, Selection(image_size=(4, 8))).image_size == (4, 8)
    assert small.images[:, :, :1].mean() > 100
    assert small.images[:, :, -1:].max() == 0


def test_demos_are_read_one_after_the_other(foreign_file, demo):
    bad = demo([0, 1]) | {"rewards": np.array([np.nan, 1])}
    episodes = read_episodes(foreign_file({"demo_0": demo([0, 1]), "demo_1": bad}))
    assert len(next(episodes)) == 2
    with pytest.raises(DatasetError, match="demo_1"):
        next(episodes)
