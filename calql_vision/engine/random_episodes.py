"""Episodes of noise: what they hold does not change how long an update takes."""

import numpy as np

from calql_vision.types import EnvSpec, Episode


def random_episode(spec: EnvSpec, steps: int, generator: np.random.Generator) -> Episode:
    """An episode in the shapes of `spec`; every other one, at random, succeeds."""
    success = bool(generator.integers(2))
    rewards = np.zeros(steps, dtype=np.float32)
    rewards[-1] = success
    shape = (steps + 1, len(spec.cameras), *spec.image_size, 3)
    return Episode(
        images=generator.integers(0, 256, shape, dtype=np.uint8),
        proprio=generator.standard_normal((steps + 1, spec.proprio_dim), dtype=np.float32),
        actions=generator.uniform(-1, 1, (steps, spec.action_dim)).astype(np.float32),
        rewards=rewards,
        success=success,
    )
