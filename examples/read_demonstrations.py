"""Demonstrations of a file in robomimic's layout as episodes, and as batches with returns-to-go.

python examples/read_demonstrations.py data/tabletop/lift.hdf5
"""

import sys

import numpy as np

from calql_vision import EpisodeBuffer, read_episodes
from calql_vision.datasets.returns import RewardConfig


def main(path: str) -> None:
    buffer = EpisodeBuffer(discount=0.97, reward=RewardConfig(scale=1.0, bias=-1.0))
    for episode in read_episodes(path):
        print(f"{len(episode)} steps, {episode.images.shape} images, success: {episode.success}")
        buffer.append(episode)
    batch = buffer.sample(32, np.random.default_rng(0))
    print("actions", tuple(batch.action.shape), "returns-to-go", batch.return_to_go[:4].tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
