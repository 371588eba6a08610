"""What is in a data file: a page on the terminal and a contact sheet."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.env_args import read_env_args
from calql_vision.datasets.episode_statistics import (
    EpisodeStatistics,
    episode_statistics,
    saturated_share,
    suspicions,
)
from calql_vision.datasets.hdf5_arrays import numbers
from calql_vision.datasets.hdf5_layout import demo_names, filter_keys
from calql_vision.datasets.hdf5_open import open_dataset
from calql_vision.datasets.hdf5_read import read_named_episodes, read_spec
from calql_vision.datasets.hdf5_select import Selection
from calql_vision.datasets.hdf5_write import DONE_MODES, dones
from calql_vision.datasets.names import printable
from calql_vision.datasets.progress import progress
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.demonstration_values import critic_values, returns
from calql_vision.figures.contact_sheet import ContactSheet, is_sheet
from calql_vision.figures.rerun_recording import RerunRecording, check_recording
from calql_vision.formats import check_converted
from calql_vision.runs.config import TaskConfig
from calql_vision.runs.output import check_folder
from calql_vision.types import EnvSpec


@dataclass
class InspectConfig:
    """A look at a file of demonstrations, of ours or any other in robomimic's layout."""

    task: TaskConfig = field(default_factory=TaskConfig)
    data: str | None = option(None, "path of the file; null: data/<task>.hdf5")
    filter_key: str | None = option(None, "a subset of the demos, such as train; null: all of them")
    reward: RewardConfig = field(default_factory=RewardConfig)  # before the returns-to-go
    contact_sheet: str | None = option(None, "path of the picture; null: <data>_contact_sheet.png")
    rerun: str | None = option(None, "an .rrd file for the viewer of rerun; null: none")
    checkpoint: str | None = option(None, "whose Q that file shows; null: returns alone")


@dataclass(frozen=True)
class InspectResult:
    """What was found."""

    spec: EnvSpec
    episodes: list[EpisodeStatistics]
    suspicious: list[str]
    contact_sheet: Path


def run(config: InspectConfig) -> InspectResult:
    """Read every demo once, print the page, draw the sheet. Raises DatasetError for a bad file."""
    check_ranges(config)
    path = Path(config.data or config.task.data_path)
    check_converted(path)
    usual = path.with_name(f"{path.stem}_contact_sheet.png")
    picture = Path(config.contact_sheet or usual)
    check_folder(picture.parent, [picture.name], lambda _: picture == usual or is_sheet(picture))
    if config.rerun:
        check_recording(Path(config.rerun))
    selection = Selection(filter_key=config.filter_key)
    spec = read_spec(path, selection)
    sheet, episodes = ContactSheet(spec), []
    for name, episode in read_named_episodes(path, selection):
        episodes.append(episode_statistics(name, episode, config.task.discount, config.reward))
        sheet.add(name, episode)
    if not episodes:
        raise ValueError(f"{path}: no demo has a usable transition; collect it again")
    storage = _read_storage(path, config.filter_key)
    suspicious = [*suspicions(episodes, spec.cameras), *storage.suspicions()]
    _print_page(path, spec, storage, episodes, suspicious, config)
    sheet.save(picture)
    print(f"contact sheet: {picture}")
    if config.rerun:
        _record(config, path, len(episodes))
    return InspectResult(spec, episodes, suspicious, picture)


def _record(config: InspectConfig, path: Path, total: int) -> None:
    recording = Path(config.rerun or "")
    if config.checkpoint:
        checkpoint = Checkpoint.load(Path(config.checkpoint))
        spec, episodes = checkpoint.spec, critic_values(path, config.filter_key, checkpoint)
    else:
        selection = Selection(filter_key=config.filter_key)
        spec = read_spec(path, selection)
        episodes = returns(path, selection, config.task.discount, config.reward)
    with RerunRecording(recording, spec) as file:
        for name, episode, values in progress(episodes, "rerun", total, unit="episode"):
            file.add(name, episode, values)
    print(f"rerun {recording}")


@dataclass(frozen=True)
class _Storage:
    """What the file holds besides episodes."""

    megabytes: float
    env_version: str
    filter_keys: dict[str, int]  # number of demos
    demos_with: dict[str, int]  # number of demos that have this dataset or group
    demos: int
    done_modes: list[int]  # those with which all dones agree

    def suspicions(self) -> list[str]:
        if self.demos_with["dones"] == self.demos and not self.done_modes:
            return ["The dones agree with none of robomimic's done_modes; demo groups are trusted."]
        return []


def _read_storage(path: Path, filter_key: str | None) -> _Storage:
    with open_dataset(path) as file:
        demos = [file["data"][name] for name in demo_names(file, filter_key)]
        optional = ("dones", "states", "next_obs")
        return _Storage(
            megabytes=path.stat().st_size / 1e6,
            env_version=str(read_env_args(file).get("env_version") or "unknown"),
            filter_keys={key: len(names) for key, names in filter_keys(file).items()},
            demos_with={key: sum(key in demo for demo in demos) for key in optional},
            demos=len(demos),
            done_modes=_done_modes([demo for demo in demos if "dones" in demo]),
        )


def _done_modes(demos: list) -> list[int]:
    """The done_modes with which the dones of all demos agree."""
    stored = [(numbers(d, "rewards", ndim=1), numbers(d, "dones", ndim=1)) for d in demos]
    return [
        mode
        for mode in DONE_MODES
        if all(np.array_equal(dones(rewards, mode), found) for rewards, found in stored)
    ]


def _print_page(
    path: Path,
    spec: EnvSpec,
    storage: _Storage,
    episodes: list[EpisodeStatistics],
    suspicious: list[str],
    config: InspectConfig,
) -> None:
    console = Console(markup=False, emoji=False)  # names of strangers stand in it
    console.print(_facts(path, spec, storage, episodes))
    console.print(_distributions(episodes, config))
    console.print(_actions(np.concatenate([e.actions for e in episodes])))
    for sentence in suspicious or ["Nothing suspicious."]:
        style = "yellow" if suspicious else "green"
        console.print(f"{'! ' if suspicious else ''}{printable(sentence)}", style=style)


def _facts(
    path: Path, spec: EnvSpec, storage: _Storage, episodes: list[EpisodeStatistics]
) -> Table:
    height, width = spec.image_size
    successes = sum(e.success for e in episodes)
    share = successes / len(episodes)
    stored = [f"{key} {_of(n, storage.demos)}" for key, n in storage.demos_with.items()]
    table = Table(title=str(path), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in (
        ("environment", f"{spec.name} ({storage.env_version})"),
        ("its arguments", _pairs(spec.kwargs)),
        ("horizon", f"{spec.horizon} steps at {spec.control_hz:g} Hz"),
        ("cameras", f"{', '.join(spec.cameras)}: {height} x {width} pixels"),
        ("proprioception", _pairs(spec.proprio)),
        ("episodes", f"{len(episodes)}, of which {successes} successful ({share:.0%})"),
        ("transitions", f"{sum(map(len, episodes))}"),
        ("filter keys", _pairs(storage.filter_keys)),
        ("also stored", ", ".join(stored)),
        ("done_mode", " or ".join(f"{m} ({DONE_MODES[m]})" for m in storage.done_modes) or "none"),
        ("on disk", f"{storage.megabytes:.1f} MB"),
    ):
        table.add_row(name, printable(value))
    return table


def _of(number: int, total: int) -> str:
    return {0: "no", total: "yes"}.get(number, f"{number} of {total} demos")


def _pairs(mapping: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in mapping.items()) or "none"


def _distributions(episodes: list[EpisodeStatistics], config: InspectConfig) -> Table:
    scale, bias = config.reward.scale, config.reward.bias
    to_go = f"return-to-go ({scale:g} r {bias:+g}, discount {config.task.discount:g})"
    rows = {
        "length, steps": [len(e) for e in episodes],
        "- of successes": [len(e) for e in episodes if e.success],
        "- of failures": [len(e) for e in episodes if not e.success],
        "reward": np.concatenate([e.rewards for e in episodes]),
        "return (sum of rewards)": [e.rewards.sum() for e in episodes],
        to_go: np.concatenate([e.returns_to_go for e in episodes]),
        "- from the start": [e.returns_to_go[0] for e in episodes],
    }
    table = _number_table("", "min", "mean", "max")
    for name, values in rows.items():
        if len(values):
            table.add_row(name, *_cells((np.min(values), np.mean(values), np.max(values))))
    return table


def _actions(actions: np.ndarray) -> Table:
    table = _number_table("action", "min", "mean", "max", "deviation", "saturated")
    columns = (actions.min(0), actions.mean(0), actions.max(0), actions.std(0))
    for dimension, share in enumerate(saturated_share(actions)):
        cells = _cells(column[dimension] for column in columns)
        table.add_row(f"dimension {dimension}", *cells, f"{share:.0%}")
    return table


def _number_table(first: str, *names: str) -> Table:
    table = Table(first)
    for name in names:
        table.add_column(name, justify="right")
    return table


def _cells(values: Iterable[float]) -> list[str]:
    return [f"{value:.4g}" for value in values]
