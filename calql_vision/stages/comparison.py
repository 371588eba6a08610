"""Methods side by side: intervals across seeds, and the parts of regret."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calql_vision.figures_diagnosis import WHEN, part_across_seeds
from calql_vision.results import TRAINING_STAGES, Results, Run
from calql_vision.stages.headline import csv_table
from calql_vision.statistics import (
    Interval,
    Scores,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)

REFERENCE = "cal_ql"  # the method that the others are compared with
FEWEST = 3  # seeds; with fewer, an interval across seeds says nothing


@dataclass(frozen=True)
class AcrossSeeds:
    """One method; None where it, or the reference, has too few seeds with that number."""

    label: str
    seeds: int
    final: Interval | None  # interquartile mean of the final success rates
    regret: Interval | None
    beaten_final: Interval | None  # probability that a seed of the reference ends higher
    beaten_regret: Interval | None  # ... that it has less regret


def across_seeds(tasks: Sequence[Results]) -> list[AcrossSeeds]:
    """Methods that went online or were evaluated with at least FEWEST seeds on every task."""
    shared = [label for label in tasks[0].methods if all(label in t.methods for t in tasks)]
    rows = [_across_seeds(label, tasks) for label in shared]
    return [row for row in rows if row.final or row.regret]


def _across_seeds(label: str, tasks: Sequence[Results]) -> AcrossSeeds:
    runs = [task.methods[label] for task in tasks]
    reference = [[] if label == REFERENCE else task.methods.get(REFERENCE, []) for task in tasks]
    return AcrossSeeds(
        label,
        min(map(len, runs)),
        _interval(interquartile_mean, _finals(runs)),
        _interval(interquartile_mean, _regrets(runs)),
        _interval(probability_of_improvement, _finals(reference), _finals(runs)),
        # Less is better.
        _interval(probability_of_improvement, *(_negative(_regrets(r)) for r in (reference, runs))),
    )


def _finals(tasks: Sequence[Sequence[Run]]) -> Scores:
    """Final success rates, [seeds that were evaluated] per task."""
    return [np.array([run.final.rate for run in runs if run.final]) for runs in tasks]


def _regrets(tasks: Sequence[Sequence[Run]]) -> Scores:
    """Cumulative regrets, [seeds that went online] per task."""
    return [np.array([run.regret for run in runs if run.regret is not None]) for runs in tasks]


def _negative(scores: Scores) -> Scores:
    return [-seeds for seeds in scores]


def _interval(statistic: Callable[..., float], *groups: Scores) -> Interval | None:
    """None where a group has too few seeds of a task."""
    if min(len(seeds) for scores in groups for seeds in scores) < FEWEST:
        return None
    return bootstrap_interval(statistic, *groups, generator=np.random.default_rng(0))


@dataclass(frozen=True)
class RegretParts:
    """One method before or after fine-tuning; intervals as `part_across_seeds` gives them."""

    label: str
    when: str
    seeds: int
    optimum: Interval
    q_best: Interval
    reached: Interval
    miscalibration: Interval
    over_estimation: Interval
    regret: Interval
    covered: Interval | None  # share of demonstrated states with Q(s, pi) >= V^mu


def regret_parts(results: Results) -> list[RegretParts]:
    """Every method that was diagnosed, before and after."""
    rows = []
    for label, runs in results.methods.items():
        for stage in TRAINING_STAGES:
            known = [r for r in runs if r.diagnosis and stage in r.diagnosis.checkpoints]
            rows += [_regret_parts(label, stage, known)] if known else []
    return rows


def _regret_parts(label: str, stage: str, runs: Sequence[Run]) -> RegretParts:
    found = [run.diagnosis.checkpoints[stage].demonstrations.covered_share for run in runs]
    shares = [share for share in found if share is not None]
    names = ("optimum", "q_best", "reached", "miscalibration", "over_estimation", "regret")
    return RegretParts(
        label=label,
        when=WHEN[stage],
        seeds=len(runs),
        covered=Interval(float(np.mean(shares)), min(shares), max(shares)) if shares else None,
        **{name: part_across_seeds(runs, stage, name) for name in names},
    )


def diagnosis_notes(results: Results) -> list[str]:
    """What V* is, which demonstrations were taken, who is missing; a sentence each."""
    found = [run.diagnosis for run in results.runs if run.diagnosis]
    measured = [diagnosis.facts for diagnosis in found if not diagnosis.skipped]
    notes = [
        *(f"V* is the value of {facts['optimum']}." for facts in measured),
        *(f"The maximum over actions is the {facts['best_action']}." for facts in measured),
        *map(_about_demonstrations, measured),
        *(f"Left out: {diagnosis.skipped}." for diagnosis in found if diagnosis.skipped),
    ]
    return list(dict.fromkeys(notes))


def _about_demonstrations(facts: dict[str, Any]) -> str:
    key = facts["filter_key"]
    chosen = "all of them" if key is None else f"those under the filter key {key}"
    if facts["held_out"]:
        return f"The demonstrations are {chosen}, which training did not see."
    return (
        f"The demonstrations are {chosen}, and training saw them too: they are held out only "
        "where it is told data.filter_key=train."
    )


def comparison_tables(
    seeds: Sequence[AcrossSeeds], parts: Sequence[RegretParts]
) -> dict[str, bytes]:
    """File name -> CSV, of those that have a row."""
    found = {"across_seeds.csv": seeds, "regret_parts.csv": parts}
    return {name: csv_table(map(_line, rows)) for name, rows in found.items() if rows}


def _line(row: AcrossSeeds | RegretParts) -> dict[str, Any]:
    """A number with its interval becomes three columns."""
    line: dict[str, Any] = {}
    for name, value in vars(row).items():
        if value is None or isinstance(value, Interval):
            columns = (name, f"{name}_low", f"{name}_high")
            line |= dict(zip(columns, value or (None, None, None), strict=True))
        else:
            line[name] = value
    return line
