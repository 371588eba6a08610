"""Gradient updates of robomimic's CQL on noise; runs in an environment that has robomimic.

Its small image encoder is registered here, because those that it brings are far larger. Batches
are taken from tensors in memory, without robomimic's own loader.
"""

import json
import sys

import robomimic
import robomimic.utils.obs_utils as obs_utils
import torch
from robomimic.algo import algo_factory
from robomimic.config import config_factory
from robomimic.models.obs_core import EncoderCore


class SmallCore(EncoderCore):
    """Strided 3x3 convolutions and a linear layer; its name in `core_class` is its registration."""

    def __init__(self, input_shape, channels, features):
        super().__init__(input_shape=input_shape)
        layers, last = [], input_shape[0]
        for width in channels:
            layers += [torch.nn.Conv2d(last, width, 3, stride=2, padding=1), torch.nn.ReLU()]
            last = width
        body = torch.nn.Sequential(*layers, torch.nn.Flatten())
        flat = body(torch.zeros(1, *input_shape)).shape[1]
        self.nets = torch.nn.Sequential(body, torch.nn.Linear(flat, features))
        self.features = features

    def output_shape(self, input_shape=None):
        return [self.features]

    def forward(self, inputs):
        return self.nets(inputs)


def algorithm(sizes: dict):
    config, cameras = config_factory("cql"), [f"camera{n}" for n in range(sizes["views"])]
    with config.values_unlocked():
        config.observation.modalities.obs.low_dim = ["proprio"]
        config.observation.modalities.obs.rgb = cameras
        config.observation.encoder.rgb.core_class = "SmallCore"
        config.observation.encoder.rgb.core_kwargs = {
            "channels": sizes["channels"],
            "features": sizes["features"],
        }
        config.train.batch_size = sizes["batch_size"]
        config.algo.critic.num_random_actions = sizes["n_actions"]
        config.algo.critic.num_action_samples = sizes["n_actions"]
        config.algo.actor.layer_dims = config.algo.critic.layer_dims = tuple(sizes["hidden"])
    obs_utils.initialize_obs_utils_with_config(config)
    image = (3, sizes["image_size"], sizes["image_size"])
    shapes = {"proprio": (sizes["proprio"],), **dict.fromkeys(cameras, image)}
    device = torch.device("cpu")
    return algo_factory("cql", config, shapes, sizes["action_dim"], device), shapes


def batch(sizes: dict, shapes: dict, draw: torch.Generator) -> dict:
    size = sizes["batch_size"]

    def seen() -> dict:
        return {
            key: torch.rand(size, 1, *shape, generator=draw)
            if key.startswith("camera")
            else torch.randn(size, 1, *shape, generator=draw)
            for key, shape in shapes.items()
        }

    return {
        "obs": seen(),
        "next_obs": seen(),
        "actions": torch.rand(size, 1, sizes["action_dim"], generator=draw) * 2 - 1,
        "rewards": -torch.ones(size, 1),
        "dones": torch.zeros(size, 1),
    }


def main(sizes: dict) -> None:
    torch.set_num_threads(sizes["threads"])
    torch.manual_seed(0)
    learner, shapes = algorithm(sizes)
    learner.set_train()
    draw = torch.Generator().manual_seed(0)
    stored = [batch(sizes, shapes, draw) for _ in range(3)]
    print("peer:", robomimic.__version__, flush=True)
    for line in sys.stdin:
        for number in range(int(line)):
            taken = learner.process_batch_for_training(stored[number % len(stored)])
            learner.train_on_batch(taken, epoch=number)
        print("peer: done", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
