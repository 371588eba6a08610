"""Gradient updates of d3rlpy's Cal-QL on noise; runs in an environment that has d3rlpy."""

import json
import sys

import d3rlpy
import numpy as np
import torch


def algorithm(sizes: dict):
    if sizes["image_size"]:
        filters = [[channels, 3, 2] for channels in sizes["channels"]]
        encoder = d3rlpy.models.PixelEncoderFactory(filters, feature_size=sizes["features"])
    else:
        encoder = d3rlpy.models.VectorEncoderFactory(sizes["hidden"])
    config = d3rlpy.algos.CalQLConfig(
        batch_size=sizes["batch_size"],
        n_action_samples=sizes["n_actions"],
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        observation_scaler=d3rlpy.preprocessing.PixelObservationScaler()
        if sizes["image_size"]
        else None,
        max_q_backup=True,
    )
    return config.create(device="cpu:0")


def data(sizes: dict):
    random, count = np.random.default_rng(0), 2000
    if sizes["image_size"]:
        shape = (count, 3 * sizes["views"], sizes["image_size"], sizes["image_size"])
        seen = random.integers(0, 256, shape, dtype=np.uint8)
    else:
        seen = random.standard_normal((count, sizes["proprio"]), dtype=np.float32)
    return d3rlpy.dataset.MDPDataset(
        observations=seen,
        actions=random.uniform(-1, 1, (count, sizes["action_dim"])).astype(np.float32),
        rewards=-np.ones(count, dtype=np.float32),
        terminals=(np.arange(count) % 40 == 39).astype(np.float32),
    )


def main(sizes: dict) -> None:
    torch.set_num_threads(sizes["threads"])
    learner, episodes = algorithm(sizes), data(sizes)
    learner.build_with_dataset(episodes)
    print("peer:", d3rlpy.__version__, flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            learner.update(episodes.sample_transition_batch(sizes["batch_size"]))
        print("peer: done", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
