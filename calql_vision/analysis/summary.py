"""The numbers of a report: a row per method and per seed, for the page and as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from calql_vision.analysis import outcome
from calql_vision.analysis.dip import Dip
from calql_vision.analysis.outcome import SuccessCount
from calql_vision.runs.record import Run, TaskRuns


@dataclass(frozen=True)
class SummaryRow:
    """One seed, or all seeds of a method; the lists hold a value per seed that has one."""

    label: str
    seed: int | None  # None: all seeds
    seeds: int
    offline: SuccessCount | None  # pooled over seeds, like `final`
    final: SuccessCount | None
    selected: SuccessCount | None  # likewise, of each run's best checkpoint
    action_error: list[float]  # of runs without an environment, like `q_error`
    q_error: list[float]
    regret: list[float]
    env_steps: list[int]
    updates: list[int]
    updates_per_second: list[float]
    dips: list[Dip]
    wall_seconds: list[float]

    def episodes(self, name: str) -> list[int | None]:
        """`recovery` or `to_goal` of every seed that can have one; None: never."""
        return [getattr(d, name) for d in self.dips if name == "to_goal" or d.depth is not None]

    @property
    def depths(self) -> list[float]:
        return [dip.depth for dip in self.dips if dip.depth is not None]


def summary_rows(results: TaskRuns) -> list[SummaryRow]:
    """Every method, each followed by its seeds."""
    rows = []
    for label, runs in results.methods.items():
        rows += [_row(label, None, runs), *(_row(label, run.seed, [run]) for run in runs)]
    return rows


def _row(label: str, seed: int | None, runs: Sequence[Run]) -> SummaryRow:
    def known(number: Callable[[Run], Any]) -> list:
        values = map(number, runs)
        return [value for value in values if value is not None]

    return SummaryRow(
        label=label,
        seed=seed,
        seeds=len(runs),
        offline=SuccessCount.pooled(map(outcome.offline_success, runs)),
        final=SuccessCount.pooled(map(outcome.final_success, runs)),
        selected=SuccessCount.pooled(map(outcome.selected_success, runs)),
        action_error=known(outcome.action_error),
        q_error=known(outcome.q_error),
        regret=known(outcome.regret),
        env_steps=known(outcome.env_steps),
        updates=known(outcome.updates),
        updates_per_second=known(outcome.updates_per_second),
        dips=known(outcome.dip),
        wall_seconds=known(outcome.wall_seconds),
    )
