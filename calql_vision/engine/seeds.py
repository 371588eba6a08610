"""Seeds for every purpose, from ranges that cannot overlap.

An evaluation that starts where a demonstration started would measure memory. Each purpose
therefore owns a range of environment seeds of its own.
"""

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


def check_run_seed(run_seed: int) -> None:
    """ValueError for a run seed outside 0..999."""
    if not 0 <= run_seed < _RUNS:
        raise ValueError(f"seed={run_seed} is outside 0..{_RUNS - 1}; choose another")
