"""The numbers of a report: a row per method and per seed, for the page and as CSV."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO

from calql_vision.results import TRAINING_STAGES, Results, Run, SuccessCount
from calql_vision.switch import Switch


@dataclass(frozen=True)
class Row:
    """One seed, or all seeds of a method; the lists hold a value per seed that has one."""

    label: str
    seed: int | None  # None: all seeds
    seeds: int
    offline: SuccessCount | None  # pooled over seeds, like `final`
    final: SuccessCount | None
    regret: list[float]
    env_steps: list[int]
    updates: list[int]
    updates_per_second: list[float]
    switches: list[Switch]
    wall_seconds: list[float]

    def episodes(self, name: str) -> list[int | None]:
        """`recovery` or `to_goal` of every seed that can have one; None: never."""
        return [getattr(s, name) for s in self.switches if name == "to_goal" or s.dip is not None]

    @property
    def dips(self) -> list[float]:
        return [switch.dip for switch in self.switches if switch.dip is not None]


def headline(results: Results) -> list[Row]:
    """Every method, each followed by its seeds."""
    rows = []
    for label, runs in results.methods.items():
        rows += [_row(label, None, runs), *(_row(label, run.seed, [run]) for run in runs)]
    return rows


def _row(label: str, seed: int | None, runs: Sequence[Run]) -> Row:
    def known(name: str) -> list:
        values = [getattr(run, name) for run in runs]
        return [value for value in values if value is not None]

    return Row(
        label=label,
        seed=seed,
        seeds=len(runs),
        offline=SuccessCount.pooled(run.offline for run in runs),
        final=SuccessCount.pooled(run.final for run in runs),
        regret=known("regret"),
        env_steps=known("env_steps"),
        updates=known("updates"),
        updates_per_second=known("updates_per_second"),
        switches=known("switch"),
        wall_seconds=known("wall_seconds"),
    )


def tables(results: Results, rows: Sequence[Row]) -> dict[str, bytes]:
    """File name -> CSV."""
    return {
        "summary.csv": csv_table(map(_summary, rows)),
        "evaluations.csv": csv_table(_evaluations(results)),
        "regret.csv": csv_table(_regrets(results)),
    }


def csv_table(rows: Iterable[dict]) -> bytes:
    """Rows with the same keys; an empty file for none."""
    found = list(rows)
    text = StringIO()
    writer = csv.DictWriter(text, found[0] if found else [])
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def _summary(row: Row) -> dict:
    line = {"method": row.label, "seed": "all" if row.seed is None else row.seed}
    for name in ("offline", "final"):
        count = getattr(row, name)
        low, high = count.interval if count else (None, None)
        line |= {
            f"{name}_successes": count.successes if count else None,
            f"{name}_episodes": count.episodes if count else None,
            f"{name}_rate": count.rate if count else None,
            f"{name}_low": low,
            f"{name}_high": high,
        }
    for name in ("regret", "env_steps", "updates", "updates_per_second", "wall_seconds"):
        line[name] = _mean(getattr(row, name))
    line["dip"] = _mean(row.dips)
    for name, column in (("recovery", "episodes_to_recover"), ("to_goal", "episodes_to_90")):
        episodes = row.episodes(name)
        line[column] = _mean([count for count in episodes if count is not None])
        line[f"{column}_never"] = episodes.count(None)
    return line


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _evaluations(results: Results) -> Iterable[dict]:
    """The points of the success figure."""
    columns = ("success_rate", "success_low", "success_high", "episodes")
    for run in results.runs:
        for stage in TRAINING_STAGES:
            curves = [run.curve(stage, f"evaluation/{column}") for column in columns]
            values = zip(*(curve.values for curve in curves), strict=False)
            for step, numbers in zip(curves[0].steps, values, strict=False):
                line = {"method": run.label, "seed": run.seed, "stage": stage, "step": int(step)}
                yield line | dict(zip(columns, numbers, strict=True))


def _regrets(results: Results) -> Iterable[dict]:
    """The points of the regret figure."""
    for run in results.runs:
        for episode, (step, regret) in enumerate(zip(*run.regret_curve, strict=True), start=1):
            line = {"method": run.label, "seed": run.seed, "episode": episode}
            yield line | {"env_steps": int(step), "regret": regret}


def mean_and_range(values: Sequence[float], digits: int) -> str:
    """0.31 (0.24–0.36), 0.1 (−0.1 to 0.3); a dash for none."""
    if not values:
        return "–"
    mean, low, high = (f"{v:.{digits}f}" for v in (_mean(values), min(values), max(values)))
    to = " to " if min(values) < 0 else "–"
    return (mean if len(values) == 1 else f"{mean} ({low}{to}{high})").replace("-", "−")


def or_never(episodes: Sequence[int | None]) -> str:
    """38 (20–55), 1 of 3 never; a dash for none."""
    never = episodes.count(None)
    reached = mean_and_range([count for count in episodes if count is not None], 0)
    if not never:
        return reached
    return f"{reached}, {never} of {len(episodes)} never" if never < len(episodes) else "never"


def duration(seconds: Sequence[float]) -> str:
    """Their mean as 45 s, 12 min or 3.4 h; a dash for none."""
    mean = _mean(seconds)
    if mean is None:
        return "–"
    if mean < 90:
        return f"{mean:.0f} s"
    return f"{mean / 60:.0f} min" if mean < 5400 else f"{mean / 3600:.1f} h"


def amount(values: Sequence[int]) -> str:
    """1,500 or 1,500–1,512; a dash for none."""
    return "–".join(f"{value:,}" for value in sorted({min(values), max(values)})) if values else "–"
