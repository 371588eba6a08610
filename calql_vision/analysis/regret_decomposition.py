"""Regret taken apart: miscalibration and over-estimation, before and after fine-tuning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calql_vision.runs.diagnosis import Measurement
from calql_vision.runs.intervals import Interval
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.record import Run, TaskRuns

WHEN = {"pretrain": "before fine-tuning", "finetune": "after fine-tuning"}


@dataclass(frozen=True)
class RegretDecomposition:
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


def regret_decompositions(results: TaskRuns) -> list[RegretDecomposition]:
    """Every method that was diagnosed, before and after."""
    rows = []
    for label, runs in results.methods.items():
        for stage in TRAINING_STAGES:
            known = [r for r in runs if stage in r.diagnosed]
            rows += [_regret_decomposition(label, stage, known)] if known else []
    return rows


def _regret_decomposition(label: str, stage: str, runs: Sequence[Run]) -> RegretDecomposition:
    found = [run.diagnosed[stage].demonstrations.covered_share for run in runs]
    shares = [share for share in found if share is not None]
    names = ("optimum", "q_best", "reached", "miscalibration", "over_estimation", "regret")
    return RegretDecomposition(
        label=label,
        when=WHEN[stage],
        seeds=len(runs),
        covered=Interval(float(np.mean(shares)), min(shares), max(shares)) if shares else None,
        **{name: part_across_seeds(runs, stage, name) for name in names},
    )


def diagnosis_notes(results: TaskRuns) -> list[str]:
    """What V* is, which demonstrations were taken, who is missing; a sentence each."""
    found = [run.diagnosis for run in results.runs if run.diagnosis]
    measured = [diagnosis.measurement for diagnosis in found if diagnosis.measurement]
    notes = [
        *(f"V* is the value of {each.optimum}." for each in measured),
        *(f"The maximum over actions is the {each.best_action}." for each in measured),
        *map(_about_demonstrations, measured),
        *(f"Left out: {diagnosis.skipped}." for diagnosis in found if diagnosis.skipped),
    ]
    return list(dict.fromkeys(notes))


def _about_demonstrations(measurement: Measurement) -> str:
    key = measurement.filter_key
    chosen = "all of them" if key is None else f"those under the filter key {key}"
    if measurement.held_out:
        return f"The demonstrations are {chosen}, which training did not see."
    return (
        f"The demonstrations are {chosen}, and training saw them too: they are held out only "
        "where it is told data.filter_key=train."
    )


def part_across_seeds(runs: Sequence[Run], stage: str, part: str) -> Interval:
    """Mean, lowest and highest seed; of a single seed its bootstrap interval over start states."""
    found = [run.diagnosed.get(stage) for run in runs]
    means = [each.start.mean(part) for each in found if each is not None]
    if len(means) == 1:
        return means[0]
    values = [mean.value for mean in means]
    return Interval(float(np.mean(values)), min(values), max(values))
