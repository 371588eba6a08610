"""The random transitions that all published update rules are given."""

import numpy as np

OBSERVATION, ACTION, BATCH, HIDDEN = 6, 3, 8, (16, 16)
DISCOUNT, TAU, LEARNING_RATE = 0.95, 0.01, 3e-4


def transitions(draws: np.random.Generator) -> dict[str, np.ndarray]:
    """Observations, actions inside (-0.9, 0.9), rewards, and 0 in `masks` where an episode ends."""
    observations, next_observations = draws.normal(size=(2, BATCH, OBSERVATION))
    batch = {
        "observations": observations,
        "actions": draws.uniform(-0.9, 0.9, size=(BATCH, ACTION)),
        "rewards": draws.normal(size=BATCH),
        "masks": np.array([1.0] * (BATCH - 2) + [0.0] * 2),
        "next_observations": next_observations,
    }
    return {name: value.astype(np.float32) for name, value in batch.items()}
