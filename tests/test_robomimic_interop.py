"""robomimic itself reads and trains on the files that we write."""

import numpy as np
import pytest
import robomimic.utils.file_utils as FileUtils
import robomimic.utils.obs_utils as ObsUtils
import torch
from robomimic.algo import algo_factory
from robomimic.config import config_factory
from robomimic.utils.dataset import SequenceDataset
from torch.utils.data import DataLoader

from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.types import EnvSpec

IMAGES, VECTORS = ["front_image", "wrist_image"], ["robot0_eef_pos", "robot0_gripper_qpos"]
DATA = ("actions", "rewards", "dones")


@pytest.fixture
def spec(small_spec) -> EnvSpec:
    """Images large enough for robomimic's ResNet."""
    return EnvSpec(**vars(small_spec) | {"image_size": (32, 32)})


@pytest.fixture(params=[True, False], ids=["with next_obs", "without next_obs"])
def written(request, tmp_path, spec, random_episode):
    """Path, episodes and whether next_obs are there."""
    path = tmp_path / "ours.hdf5"
    episodes = [random_episode(spec, 4 + n, n % 2 == 0, seed=n) for n in range(11)]
    with EpisodeWriter(path, spec, versions={}, next_obs=request.param) as writer:
        for episode in episodes:
            writer.append(episode)
    return path, episodes, request.param


@pytest.fixture
def config():
    """Behaviour cloning from both cameras and proprioception."""
    config = config_factory("bc")
    with config.values_unlocked():
        config.observation.modalities.obs.rgb = IMAGES
        config.observation.modalities.obs.low_dim = VECTORS
        config.observation.encoder.rgb.core_kwargs.backbone_kwargs.pretrained = False
        config.observation.encoder.rgb.core_kwargs.feature_dimension = 8
        config.algo.actor_layer_dims = (16,)
    ObsUtils.initialize_obs_utils_with_config(config)
    return config


def sequences(path, next_obs: bool, filter_key: str | None = None) -> SequenceDataset:
    return SequenceDataset(
        hdf5_path=str(path),
        obs_keys=IMAGES + VECTORS,
        dataset_keys=DATA,
        load_next_obs=next_obs,
        filter_by_attribute=filter_key,
    )


def test_robomimic_reads_what_was_written(written, config):
    path, episodes, next_obs = written
    dataset = sequences(path, next_obs)
    index = 0
    for episode in episodes:
        for step in range(len(episode)):
            item = dataset[index]
            index += 1
            np.testing.assert_array_equal(item["actions"][0], episode.actions[step])
            assert item["rewards"][0] == episode.rewards[step]
            assert item["dones"][0] == (step == len(episode) - 1)
            for shift, key in enumerate(("obs", "next_obs")[: 1 + next_obs]):
                seen = item[key]["wrist_image"][0]
                np.testing.assert_array_equal(seen, episode.images[step + shift, 1])
                gripper = item[key]["robot0_gripper_qpos"][0]
                np.testing.assert_array_equal(gripper, episode.proprio[step + shift, :1])
    assert index == len(dataset)


def test_robomimic_takes_our_masks_as_filter_keys(written, config):
    path, episodes, next_obs = written
    train, valid = (sequences(path, next_obs, key) for key in ("train", "valid"))
    assert valid.n_demos == 1
    assert train.n_demos + valid.n_demos == len(episodes)
    assert len(train) + len(valid) == sum(map(len, episodes))


def test_robomimic_trains_on_our_files(written, config):
    path, _, next_obs = written
    env_args = FileUtils.get_env_metadata_from_dataset(str(path))
    assert env_args["env_name"] == "tabletop/lift"
    shapes = FileUtils.get_shape_metadata_from_dataset(str(path), all_obs_keys=IMAGES + VECTORS)
    torch.manual_seed(0)
    model = algo_factory(
        algo_name="bc",
        config=config,
        obs_key_shapes=shapes["all_shapes"],
        ac_dim=shapes["ac_dim"],
        device=torch.device("cpu"),
    )
    model.set_train()
    losses = []
    for epoch, batch in enumerate(DataLoader(sequences(path, next_obs, "train"), batch_size=8)):
        ready = model.postprocess_batch_for_training(
            model.process_batch_for_training(batch), obs_normalization_stats=None
        )
        losses.append(model.log_info(model.train_on_batch(ready, epoch))["Loss"])
        if len(losses) == 3:
            break
    assert np.isfinite(losses).all()
