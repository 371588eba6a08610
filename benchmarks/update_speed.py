"""Gradient updates per second of Cal-QL from pixels: `python benchmarks/update_speed.py`.

Prints one line per setting: two 48x48 cameras, four numbers of proprioception, random data.
Run it with nothing else on the machine.
"""

from time import perf_counter

import numpy as np
import torch

from calql_vision.agents import CalQLConfig, build_agent
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.learn import learn
from calql_vision.types import EnvSpec, Episode

SPEC = EnvSpec("benchmark", ("front", "wrist"), (48, 48), {"proprio": 4}, 4, 40, 10.0)
SETTINGS = {
    "pixel default (batch 64, 4 actions)": CalQLConfig(),
    "official sizes (batch 256, 10 actions, heads 256x256)": CalQLConfig(
        batch_size=256, n_actions=10, hidden=[256, 256], layer_norm=False
    ),
}


def random_buffer(episodes: int = 50, steps: int = 40) -> EpisodeBuffer:
    """Episodes of noise; what they hold does not change the speed."""
    generator = np.random.default_rng(0)
    buffer = EpisodeBuffer(discount=0.97, reward=RewardConfig())
    for number in range(episodes):
        images = generator.integers(0, 256, (steps + 1, 2, 48, 48, 3), dtype=np.uint8)
        proprio = generator.standard_normal((steps + 1, 4), dtype=np.float32)
        actions = generator.uniform(-1, 1, (steps, 4)).astype(np.float32)
        rewards = np.zeros(steps, dtype=np.float32)
        rewards[-1] = number % 2
        buffer.append(Episode(images, proprio, actions, rewards, success=bool(number % 2)))
    return buffer


def updates_per_second(
    config: CalQLConfig, device: torch.device, buffer: EpisodeBuffer, updates: int = 150
) -> float:
    """Mean over `updates`, sampling included, after a warm-up."""
    agent = build_agent(SPEC, config, CNNConfig(), device, seed=0)
    generator = np.random.default_rng(0)
    learn(agent, buffer, 20, generator)
    started = perf_counter()
    learn(agent, buffer, updates, generator)
    return updates / (perf_counter() - started)


def main() -> None:
    buffer = random_buffer()
    for name, config in SETTINGS.items():
        for threads in (1, 2):
            torch.set_num_threads(threads)
            speed = updates_per_second(config, torch.device("cpu"), buffer)
            print(f"{name}, cpu, {threads} threads: {speed:.1f} updates/s")
        if torch.cuda.is_available():
            speed = updates_per_second(config, torch.device("cuda"), buffer, updates=1000)
            print(f"{name}, {torch.cuda.get_device_name()}: {speed:.1f} updates/s")


if __name__ == "__main__":
    main()
