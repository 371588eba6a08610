"""What convert understands besides LeRobot: folders of .npz, Minari; what it says of the rest."""

from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
import pytest
import robomimic.utils.obs_utils as ObsUtils
from gymnasium.spaces import Box, Dict
from minari.data_collector import EpisodeBuffer
from robomimic.utils.dataset import SequenceDataset

from calql_vision.datasets.hdf5 import DatasetError, read_episodes, read_spec
from calql_vision.envs import make_expert
from calql_vision.formats import FORMATS, recognised
from calql_vision.stages import convert
from calql_vision.stages.convert import ConvertConfig
from calql_vision.types import Episode

pytestmark = pytest.mark.filterwarnings("ignore:`.*` is set to None")  # minari asks for authors
JPEG_LOSS = 8.0  # mean difference in levels of 255


def run(source: Path, output: Path, **changes) -> Path:
    return convert.run(ConvertConfig(source=str(source), output=str(output), **changes))


def test_what_is_not_understood_is_answered_with_what_would_be(tmp_path):
    with pytest.raises(DatasetError) as refusal:
        recognised(tmp_path)
    for kind in FORMATS.values():
        assert kind.summary in str(refusal.value)
    with pytest.raises(DatasetError, match="no such file or folder"):
        recognised(tmp_path / "nowhere")


# .npz -------------------------------------------------------------------------------------------


@pytest.fixture
def episodes(small_spec, random_episode) -> list[Episode]:
    """Eleven, so that episode_10 must not come before episode_2; every other one a success."""
    return [random_episode(small_spec, 4 + n, n % 2 == 0, seed=n) for n in range(11)]


def save(folder: Path, episodes: list[Episode], last: int | None = None, **changes) -> Path:
    """The documented layout, without the last observation if `last` is -1."""
    folder.mkdir()
    for number, episode in enumerate(episodes):
        arrays = {
            "front_image": episode.images[:last, 0],
            "wrist_image": episode.images[:last, 1],
            "arm": episode.proprio[:last],
            "actions": episode.actions,
            "success": np.array(episode.success),
        } | {key: change(episode) for key, change in changes.items()}
        kept = {key: array for key, array in arrays.items() if array is not None}
        np.savez(folder / f"episode_{number}.npz", **kept)
    return folder


def test_a_folder_of_npz_is_taken_over_exactly(episodes, small_spec, tmp_path):
    source = save(tmp_path / "npz", episodes)
    path = run(source, tmp_path / "npz.hdf5", next_obs=True, env="tabletop/lift", control_hz=10)
    spec = read_spec(path)
    assert (spec.name, spec.control_hz, spec.horizon) == ("tabletop/lift", 10.0, 14)
    assert (spec.cameras, spec.proprio) == (small_spec.cameras, {"arm": 3})
    for before, after in zip(episodes, read_episodes(path), strict=True):
        for name in ("images", "proprio", "actions", "rewards", "success"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_robomimic_reads_what_was_taken_over(episodes, tmp_path):
    path = run(save(tmp_path / "npz", episodes), tmp_path / "npz.hdf5")
    keys = {"rgb": ["front_image", "wrist_image"], "low_dim": ["arm"]}
    ObsUtils.initialize_obs_utils_with_obs_specs({"obs": keys})
    data = SequenceDataset(
        hdf5_path=str(path),
        obs_keys=[*keys["rgb"], *keys["low_dim"]],
        dataset_keys=("actions", "rewards", "dones"),
        load_next_obs=False,
        filter_by_attribute=None,
    )
    assert len(data) == sum(map(len, episodes))
    for step in range(len(episodes[0])):
        np.testing.assert_array_equal(
            data[step]["obs"]["wrist_image"][0], episodes[0].images[step, 1]
        )
        np.testing.assert_array_equal(data[step]["actions"][0], episodes[0].actions[step])


@pytest.mark.parametrize("next_obs", [False, True])
def test_a_missing_last_observation_costs_a_failure_its_last_step(episodes, tmp_path, next_obs):
    source = save(tmp_path / "npz", episodes, last=-1)
    path = run(source, tmp_path / "npz.hdf5", next_obs=next_obs)
    for before, after in zip(episodes, read_episodes(path), strict=True):
        assert after.success == before.success
        assert len(after) == len(before) - (not before.success)
        np.testing.assert_array_equal(after.images[:-1], before.images[: len(after)])


def test_an_episode_ends_at_its_first_success(episodes, tmp_path):
    def at_the_second_and_third(episode):
        return np.isin(np.arange(len(episode)), (1, 2))

    source = save(tmp_path / "npz", episodes, success=at_the_second_and_third)
    for episode in read_episodes(run(source, tmp_path / "npz.hdf5")):
        assert len(episode) == 2
        assert episode.success


def test_all_views_may_lie_in_one_array(episodes, tmp_path):
    source = save(
        tmp_path / "npz",
        episodes,
        images=lambda episode: episode.images,
        front_image=lambda _: None,
        wrist_image=lambda _: None,
    )
    path = run(source, tmp_path / "npz.hdf5")
    assert read_spec(path).cameras == ("camera0", "camera1")
    first = next(iter(read_episodes(path)))
    np.testing.assert_array_equal(first.images[:-1], episodes[0].images[:-1])


def test_names_can_be_those_of_an_environment(episodes, tmp_path):
    names = {"front_image": "agentview", "arm": "robot0_eef_pos"}
    source = save(tmp_path / "npz", episodes)
    with pytest.raises(DatasetError, match="no front_image to rename; there are arm, front, wrist"):
        run(source, tmp_path / "npz.hdf5", rename=names)
    names = {"front": "agentview", "arm": "robot0_eef_pos"}
    path = run(source, tmp_path / "npz.hdf5", rename=names, cameras=["wrist", "front"])
    spec = read_spec(path)
    assert (spec.cameras, spec.proprio) == (("wrist", "agentview"), {"robot0_eef_pos": 3})
    first = next(iter(read_episodes(path)))
    np.testing.assert_array_equal(first.images[:-1], episodes[0].images[:-1, ::-1])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"success": lambda _: None}, "does not say which steps succeed; set success=all"),
        ({"actions": lambda _: None}, "no 'actions'; there are arm"),
        ({"actions": lambda e: 3 * e.actions}, r"outside \[-1, 1\]; rescale them yourself"),
        ({"front_image": lambda e: e.images[:, 0] / 255}, "front is float64"),
        ({"front_image": lambda e: e.images[:3, 0]}, "front has 3 steps, the actions 5"),
        ({"arm": lambda e: e.proprio * np.nan}, "arm holds NaN"),
        (
            {"front_image": lambda _: None, "wrist_image": lambda _: None},
            "neither images .* nor simulator states",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(episodes, tmp_path, changes, sentence):
    source = save(tmp_path / "npz", episodes[1:], **changes)
    with pytest.raises(DatasetError, match=sentence):
        run(source, tmp_path / "npz.hdf5")
    assert list(tmp_path.iterdir()) == [source]


# Minari -----------------------------------------------------------------------------------------


@pytest.fixture
def minari_dataset(tmp_path, monkeypatch):
    """minari_dataset(data_format, ...) -> its path and the buffers that minari wrote to it."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))

    def build(data_format="hdf5", with_images=True, with_infos=True, bias=0.0):
        env: Any = gymnasium.make("calql_vision/Lift-v0", image_size=(48, 48), horizon=20)
        views = env.unwrapped.pixel_spec.cameras if with_images else ()
        buffers = [recorded(env, views, seed, with_infos, bias) for seed in (0, 1)]
        minari.create_dataset_from_buffers(
            "tabletop/lift-v0",
            buffers,
            env=env,
            observation_space=Dict(
                {name: Box(0, 255, (48, 48, 3), np.uint8) for name in views},
                robot=Dict(proprio=env.observation_space["proprio"]),
            ),
            data_format=data_format,
        )
        env.close()
        return tmp_path / "minari/tabletop/lift-v0", buffers

    return build


def recorded(env, views, seed: int, with_infos: bool, bias: float) -> EpisodeBuffer:
    """An expert's episode for seed 0, else one of doing nothing."""
    expert, ended = make_expert(env.unwrapped, noise=0.0), False
    observation, info = env.reset(seed=seed)
    expert.reset()
    buffer = EpisodeBuffer(
        seed=seed,
        observations={name: [] for name in views} | {"robot": {"proprio": []}},
        actions=[],
        infos={"success": [info["success"]]} if with_infos else None,
    )
    add(buffer, observation)
    while not ended:
        action = expert.act(observation) if seed == 0 else np.zeros(4, dtype=np.float32)
        observation, reward, terminated, truncated, info = env.step(action)
        add(buffer, observation)
        buffer.actions.append(action)
        buffer.rewards.append(reward + bias)
        buffer.terminations.append(terminated)
        buffer.truncations.append(truncated)
        if with_infos:
            buffer.infos["success"].append(info["success"])
        ended = terminated or truncated
    return buffer


def add(buffer: EpisodeBuffer, observation) -> None:
    """Minari stores one picture per key."""
    for name, frame in zip(buffer.observations, observation["images"], strict=False):
        if name != "robot":
            buffer.observations[name].append(frame)
    buffer.observations["robot"]["proprio"].append(observation["proprio"])


@pytest.mark.parametrize("data_format", ["hdf5", "arrow"])
def test_what_minari_collected_is_read(minari_dataset, tmp_path, data_format):
    source, buffers = minari_dataset(data_format)
    path = run(source, tmp_path / "lift.hdf5", env="tabletop/lift", control_hz=10)
    spec, episodes = read_spec(path), list(read_episodes(path))
    assert (spec.name, spec.cameras) == ("tabletop/lift", ("front", "wrist"))
    assert spec.proprio == {"robot_proprio": 4}
    assert [episode.success for episode in episodes] == [True, False]
    for before, after in zip(buffers, episodes, strict=True):
        steps = len(after)
        np.testing.assert_array_equal(after.actions, before.actions[:steps])
        proprio = before.observations["robot"]["proprio"]
        np.testing.assert_array_equal(after.proprio[:-1], proprio[:steps])
        for view, camera in enumerate(spec.cameras):
            frames = np.stack(before.observations[camera])[:steps].astype(int)
            assert np.abs(frames - after.images[:-1, view]).mean() < JPEG_LOSS


def test_minari_without_a_mark_of_success_asks_for_a_rule(minari_dataset, tmp_path):
    source, _ = minari_dataset(with_infos=False)
    with pytest.raises(DatasetError, match=r"set success=reward .* or success=termination"):
        run(source, tmp_path / "lift.hdf5")
    for rule in ("reward", "termination"):
        path = run(source, tmp_path / "lift.hdf5", success=rule, overwrite=True)
        assert [episode.success for episode in read_episodes(path)] == [True, False]


def test_rewards_of_minus_one_and_zero_take_a_threshold(minari_dataset, tmp_path):
    source, _ = minari_dataset(bias=-1)
    with pytest.warns(UserWarning, match=r"no episode is successful.*\[-1, 0\].*threshold=0"):
        run(source, tmp_path / "lift.hdf5", success="reward")
    path = run(
        source, tmp_path / "lift.hdf5", success="reward", reward_threshold=0.0, overwrite=True
    )
    assert [episode.success for episode in read_episodes(path)] == [True, False]
    with pytest.raises(ValueError, match="set success=reward beside it"):
        run(source, tmp_path / "other.hdf5", reward_threshold=0.0)


def test_minari_without_images_is_refused(minari_dataset, tmp_path):
    source, _ = minari_dataset(with_images=False)
    with pytest.raises(DatasetError, match=r"neither images .* nor simulator states"):
        run(source, tmp_path / "lift.hdf5")
