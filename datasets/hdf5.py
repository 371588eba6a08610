"""Demonstrations on disk, in robomimic's HDF5 layout, read and written.

    data                attributes: env_args (JSON), total, command (ours: what was typed)
      demo_0            attributes: num_samples, model_file
        actions         [T, A] in [-1, 1]
        rewards         [T], > 0 on every step that is in success
        dones           [T], by done_mode: 0 in success, 1 last step, 2 both
        states          [T, S], simulator states before each action
        obs/<camera>_image      uint8 [T, H, W, 3], upright
        obs/<proprioception>    float [T, n]
        next_obs/...    optional: obs one step later, so that only its last entry is new
    mask/<filter key>   names of demos

An episode is one demo group (never what `dones` says), cut at its first success as the online
environment cuts it. Source: https://robomimic.github.io/docs/datasets/overview.html
"""

from calql_vision.datasets.env_args import read_env_args
from calql_vision.datasets.hdf5_layout import DatasetError, demo_names, filter_keys
from calql_vision.datasets.hdf5_open import open_dataset
from calql_vision.datasets.hdf5_read import read_episodes, read_named_episodes, read_spec
from calql_vision.datasets.hdf5_select import Selection
from calql_vision.datasets.hdf5_write import EpisodeWriter

__all__ = [
    "DatasetError",
    "EpisodeWriter",
    "Selection",
    "demo_names",
    "filter_keys",
    "open_dataset",
    "read_env_args",
    "read_episodes",
    "read_named_episodes",
    "read_spec",
]
