"""What a report shows of the demonstrations: facts and a contact sheet."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calql_vision.datasets.env_args import read_command
from calql_vision.datasets.episode_statistics import (
    EpisodeStatistics,
    episode_statistics,
    suspicions,
)
from calql_vision.datasets.hdf5_read import read_named_episodes, read_spec
from calql_vision.datasets.returns import RewardConfig
from calql_vision.figures.contact_sheet import ContactSheet
from calql_vision.figures.pages import Picture
from calql_vision.types import EnvSpec


@dataclass(frozen=True)
class Demonstrations:
    """A data file at a glance."""

    facts: dict[str, str]
    suspicious: list[str]
    picture: Picture
    command: str | None  # that made the file, where it tells


def read_demonstrations(path: Path, discount: float) -> Demonstrations:
    """Read every demo once. Raises DatasetError, a ValueError, for a bad file."""
    spec = read_spec(path)
    sheet, episodes = ContactSheet(spec, of_each=1), []
    for name, episode in read_named_episodes(path):
        episodes.append(episode_statistics(name, episode, discount, RewardConfig()))
        sheet.add(name, episode)
    if not episodes:
        raise ValueError(f"{path}: no demo has a usable transition; collect it again")
    return Demonstrations(
        _facts(path, spec, episodes),
        suspicions(episodes, spec.cameras),
        Picture.of(sheet.draw()),
        read_command(path),
    )


def _facts(path: Path, spec: EnvSpec, episodes: list[EpisodeStatistics]) -> dict[str, str]:
    successes = [len(episode) for episode in episodes if episode.success]
    failures = [len(episode) for episode in episodes if not episode.success]
    height, width = spec.image_size
    return {
        "file": f"{path}, {path.stat().st_size / 1e6:.1f} MB",
        "episodes": f"{len(episodes)}, of which {len(successes)} successful "
        f"({len(successes) / len(episodes):.0%})",
        "transitions": f"{sum(map(len, episodes)):,}",
        "length of successes": _lengths(successes),
        "length of failures": _lengths(failures),
        "cameras": f"{', '.join(spec.cameras)}: {height} × {width} pixels",
        "proprioception": f"{spec.proprio_dim} numbers: {', '.join(spec.proprio)}",
        "actions": f"{spec.action_dim} numbers at {spec.control_hz:g} Hz",
        "horizon": f"{spec.horizon} steps",
    }


def _lengths(lengths: list[int]) -> str:
    if not lengths:
        return "none"
    return f"{np.mean(lengths):.1f} steps on average, {min(lengths)} to {max(lengths)}"
