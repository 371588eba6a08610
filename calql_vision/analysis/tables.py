"""The numbers behind a page as CSV."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from calql_vision.analysis.outcome import regret_curve
from calql_vision.analysis.regret_decomposition import RegretDecomposition
from calql_vision.analysis.seed_intervals import SeedIntervals
from calql_vision.analysis.summary import SummaryRow
from calql_vision.runs.intervals import Interval
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.metrics import Column
from calql_vision.runs.record import TaskRuns


def run_tables(results: TaskRuns, rows: Sequence[SummaryRow]) -> dict[str, bytes]:
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


def _summary(row: SummaryRow) -> dict:
    line: dict[str, Any] = {"method": row.label, "seed": "all" if row.seed is None else row.seed}
    for name in ("offline", "final", "selected"):
        count = getattr(row, name)
        low, high = count.interval if count else (None, None)
        line |= {
            f"{name}_successes": count.successes if count else None,
            f"{name}_episodes": count.episodes if count else None,
            f"{name}_rate": count.rate if count else None,
            f"{name}_low": low,
            f"{name}_high": high,
        }
    numbers = ("regret", "env_steps", "updates", "updates_per_second", "wall_seconds")
    for name in (*numbers, "action_error", "q_error"):
        line[name] = _mean(getattr(row, name))
    line["dip"] = _mean(row.depths)
    for name, column in (("recovery", "episodes_to_recover"), ("to_goal", "episodes_to_90")):
        episodes = row.episodes(name)
        line[column] = _mean([count for count in episodes if count is not None])
        line[f"{column}_never"] = episodes.count(None)
    return line


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _evaluations(results: TaskRuns) -> Iterable[dict]:
    """The points of the success figure."""
    columns = (Column.SUCCESS_RATE, Column.SUCCESS_LOW, Column.SUCCESS_HIGH, Column.EPISODES)
    names = [column.removeprefix("evaluation/") for column in columns]
    for run in results.runs:
        for stage in TRAINING_STAGES:
            curves = [run.curve(stage, column) for column in columns]
            values = zip(*(curve.values for curve in curves), strict=False)
            for step, numbers in zip(curves[0].steps, values, strict=False):
                line: dict[str, Any] = {"method": run.label, "seed": run.seed, "stage": stage}
                yield line | {"step": int(step)} | dict(zip(names, numbers, strict=True))


def _regrets(results: TaskRuns) -> Iterable[dict]:
    """The points of the regret figure."""
    for run in results.runs:
        for episode, (step, regret) in enumerate(zip(*regret_curve(run), strict=True), start=1):
            line: dict[str, Any] = {"method": run.label, "seed": run.seed, "episode": episode}
            yield line | {"env_steps": int(step), "regret": regret}


def method_tables(
    seeds: Sequence[SeedIntervals], parts: Sequence[RegretDecomposition]
) -> dict[str, bytes]:
    """File name -> CSV, of those that have a row."""
    found: dict[str, Sequence[SeedIntervals | RegretDecomposition]] = {
        "across_seeds.csv": seeds,
        "regret_parts.csv": parts,
    }
    return {name: csv_table(map(_line, rows)) for name, rows in found.items() if rows}


def _line(row: SeedIntervals | RegretDecomposition) -> dict[str, Any]:
    """A number with its interval becomes three columns."""
    line: dict[str, Any] = {}
    for name, value in vars(row).items():
        if value is None or isinstance(value, Interval):
            columns = (name, f"{name}_low", f"{name}_high")
            line |= dict(zip(columns, value or (None, None, None), strict=True))
        else:
            line[name] = value
    return line
