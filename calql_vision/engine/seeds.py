"""Seeds for every purpose, from ranges that cannot overlap.

An evaluation that starts where a demonstration started would measure memory. Each purpose
therefore owns a range of environment seeds of its own.
"""

import numpy as np

PURPOSES = ("collect", "online", "validate", "evaluate")
_RUNS = 1_000
_EPISODES = 500_000


def episode_seed(purpose: str, run_seed: int, episode: int) -> int:
    """The environment seed of one episode: distinct for all (purpose, run_seed, episode).

    Raises ValueError for a run seed outside 0..999 or an episode outside 0..499999.
    """
    check_run_seed(run_seed)
    if not 0 <= episode < _EPISODES:
        raise ValueError(f"episode {episode} is outside 0..{_EPISODES - 1}; start another run")
    return (PURPOSES.index(purpose) * _RUNS + run_seed) * _EPISODES + episode


def noise_seed(run_seed: int, episode: int) -> int:
    """Of the exploration in an online episode: a stream that no other episode and nobody shares."""
    sequence = np.random.SeedSequence([run_seed, episode, *b"exploration"])
    return int(sequence.generate_state(1, np.uint64)[0]) >> 1


def check_run_seed(run_seed: int) -> None:
    """ValueError for a run seed outside 0..999."""
    if not 0 <= run_seed < _RUNS:
        raise ValueError(f"seed={run_seed} is outside 0..{_RUNS - 1}; choose another")


def sampling_generator(seed: int, stage: str) -> np.random.Generator:
    """The stage's own stream of batches."""
    return np.random.default_rng([seed, *stage.encode()])
