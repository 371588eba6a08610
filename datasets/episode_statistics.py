"""What is in a data set, and what is suspicious about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from calql_vision.datasets.returns import RewardConfig, returns_to_go
from calql_vision.types import Episode

SATURATED = 0.99  # an action this far from 0 counts as saturated
_MOSTLY = 0.9  # share above which saturation is suspicious
_BLACK = 8  # a camera whose brightest byte is below this sees nothing


@dataclass(frozen=True)
class EpisodeStatistics:
    """One episode without its pixels."""

    name: str
    success: bool
    actions: np.ndarray  # float32 [T, A]
    rewards: np.ndarray  # float32 [T], as stored
    returns_to_go: np.ndarray  # float32 [T], of scaled and shifted rewards
    darkest: np.ndarray  # uint8 [V], over all pixels of the episode
    brightest: np.ndarray  # uint8 [V]
    moves: np.ndarray  # bool [V], whether any frame differs from the first
    fingerprint: str  # equal for equal actions and images

    def __len__(self) -> int:
        return len(self.actions)


def episode_statistics(
    name: str, episode: Episode, discount: float, reward: RewardConfig
) -> EpisodeStatistics:
    """`reward` scales and shifts before the returns-to-go are computed."""
    terminals = np.zeros(len(episode))
    terminals[-1] = episode.success
    rewards = reward.apply(episode.rewards)
    pixels = (0, 2, 3, 4)
    return EpisodeStatistics(
        name=name,
        success=episode.success,
        actions=episode.actions,
        rewards=episode.rewards,
        returns_to_go=returns_to_go(rewards, terminals, discount, reward.failure),
        darkest=episode.images.min(axis=pixels),
        brightest=episode.images.max(axis=pixels),
        moves=(episode.images != episode.images[:1]).any(axis=pixels),
        fingerprint=sha256(episode.actions.tobytes() + episode.images.tobytes()).hexdigest(),
    )


def suspicions(episodes: Sequence[EpisodeStatistics], cameras: Sequence[str]) -> list[str]:
    """One sentence for everything about the episodes that is probably a mistake."""
    return [
        *_about_success(episodes),
        *_about_rewards(episodes),
        *_about_actions(np.concatenate([e.actions for e in episodes])),
        *_about_images(episodes, cameras),
        *_about_duplicates(episodes),
    ]


def _about_success(episodes: Sequence[EpisodeStatistics]) -> list[str]:
    successes = sum(e.success for e in episodes)
    if successes == 0:
        return ["No episode succeeds: sparse rewards teach nothing from this file."]
    if successes == len(episodes):
        return ["Every episode succeeds: the values see no failure."]
    return []


def _about_rewards(episodes: Sequence[EpisodeStatistics]) -> list[str]:
    values = np.unique(np.concatenate([e.rewards for e in episodes]))
    if np.isin(values, (0, 1)).all():
        return []
    return [
        f"Rewards are not 0 and 1 alone: {len(values)} values, {values[0]:g} to {values[-1]:g}."
    ]


def _about_actions(actions: np.ndarray) -> list[str]:
    constant = np.flatnonzero(np.ptp(actions, axis=0) == 0)
    saturated = np.flatnonzero(saturated_share(actions) > _MOSTLY)
    return [
        *(f"Action dimension {d} is always {actions[0, d]:g}." for d in constant),
        *(
            f"Action dimension {d} is saturated on more than {_MOSTLY:.0%} of the steps."
            for d in saturated
            if d not in constant
        ),
    ]


def saturated_share(actions: np.ndarray) -> np.ndarray:
    """Share of steps at the edge of the range, [A]."""
    return (np.abs(actions) >= SATURATED).mean(axis=0)


def _about_images(episodes: Sequence[EpisodeStatistics], cameras: Sequence[str]) -> list[str]:
    found = []
    for view, camera in enumerate(cameras):
        black = sum(e.brightest[view] < _BLACK for e in episodes)
        plain = sum(e.darkest[view] == e.brightest[view] for e in episodes) - black
        still = sum(not e.moves[view] for e in episodes) - black - plain
        found += [
            f"Camera {camera} {what} in {_count(number, len(episodes))}."
            for number, what in (
                (black, "is black"),
                (plain, "shows one colour"),
                (still, "never changes"),
            )
            if number > 0
        ]
    return found


def _about_duplicates(episodes: Sequence[EpisodeStatistics]) -> list[str]:
    first = {e.fingerprint: e.name for e in reversed(episodes)}
    copies = [e for e in episodes if first[e.fingerprint] != e.name]
    if not copies:
        return []
    example = copies[0]
    return [
        f"{_count(len(copies), len(episodes))} repeat an earlier one exactly, "
        f"for example {example.name} = {first[example.fingerprint]}."
    ]


def _count(number: int, total: int) -> str:
    return f"{number} of {total} episodes"
