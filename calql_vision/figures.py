"""Figures of a report: offline and online in one axis, mean and range across seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from calql_vision.results import TRAINING_STAGES, Curve, Results, Run

WIDTH = 7.4  # inches
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
}
# Okabe and Ito's palette (2008): told apart with every common kind of colour vision.
_METHOD_COLOURS = {
    "cal_ql": "#0072B2",
    "cql": "#D55E00",
    "cal_ql_official": "#56B4E9",
    "cql_official": "#E69F00",
}
_OTHER_COLOURS = ("#009E73", "#CC79A7", "#7F6A00", "#666666")
_Q_STYLES = {  # column: label, colour, line
    "return_to_go": ("return-to-go", "#000000", "--"),
    "q_data": ("Q(data)", "#009E73", "-"),
    "q_policy": ("Q(policy)", "#CC79A7", "-"),
    "q_random": ("Q(random)", "#8C8C8C", "-"),
}
_BOUND_STYLES = {
    "bound_rate_success": ("successful episodes", "#333333", "-"),
    "bound_rate": ("all episodes", "#333333", ":"),
}
_LEARNING = {
    "td_loss": "TD loss",
    "penalty": "penalty",
    "entropy": "entropy of the policy, nats",
    "temperature": "temperature",
}


class Spread(NamedTuple):
    """Seeds of one method together; float64 [N] each."""

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def across_seeds(curves: Sequence[Curve]) -> Spread:
    """Mean, lowest and highest of several curves over the steps that all of them cover.

    The seeds' steps differ (episodes have different lengths): linear interpolation between.
    """
    start = max(curve.steps[0] for curve in curves)
    end = min(curve.steps[-1] for curve in curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    steps = steps[(steps >= start) & (steps <= end)]
    values = np.stack([np.interp(steps, *curve) for curve in curves])
    return Spread(steps, values.mean(0), values.min(0), values.max(0))


def method_colours(labels: Sequence[str]) -> dict[str, str]:
    """The same colour for the same method on every page; unknown ones take what is left."""
    unknown = [label for label in labels if label not in _METHOD_COLOURS]
    spare = {name: _OTHER_COLOURS[i % len(_OTHER_COLOURS)] for i, name in enumerate(unknown)}
    return {label: (_METHOD_COLOURS | spare)[label] for label in labels}


@dataclass(frozen=True)
class Timeline:
    """Gradient updates in [-1, 0], then environment steps in [0, 1]; 0 is the switch."""

    updates: float
    env_steps: float

    @classmethod
    def of(cls, results: Results) -> "Timeline":
        def longest(stage: str) -> float:
            return max((r.metrics[stage]["step"][-1] for r in results.runs if stage in r.metrics),
                       default=0.0)  # fmt: skip

        return cls(*(longest(stage) for stage in TRAINING_STAGES))

    def place(self, stage: str, steps: np.ndarray) -> np.ndarray:
        return steps / self.updates - 1 if stage == "pretrain" else steps / self.env_steps

    def dress(self, axis: Axes, ticks: int) -> None:
        """Limits, about `ticks` ticks on either side, the names of both halves, the switch."""
        left, right = -1.0 if self.updates else 0.0, 1.0 if self.env_steps else 0.0
        axis.set_xlim(left, right)
        offline = _round_steps(self.updates, ticks, reach=0.8)
        online = _round_steps(self.env_steps, ticks, reach=1.0)[1:]
        places = [*(offline / self.updates - 1), 0.0] if self.updates else [0.0]
        places += list(online / self.env_steps) if self.env_steps else []
        both = [_steps_text(self.updates)] * bool(self.updates) + ["0"] * bool(self.env_steps)
        texts = [*map(_steps_text, offline), " | ".join(both), *map(_steps_text, online)]
        axis.set_xticks(places, texts)
        if self.updates:
            _beneath(axis, -0.5, "gradient updates")
        if self.env_steps:
            _beneath(axis, 0.5, "environment steps")
        if self.updates and self.env_steps:
            axis.axvline(0, color="#444444", linewidth=1)
            _above(axis, "offline ", "right")
            _above(axis, " online", "left")


_steps_text = EngFormatter(sep="")


def _round_steps(total: float, ticks: int, reach: float) -> np.ndarray:
    """Round numbers from 0 to `reach` of the total; none where there is no such stage."""
    values = MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(0, total)
    return values[(values >= 0) & (values <= reach * total)] if total else np.empty(0)


def _beneath(axis: Axes, x: float, text: str) -> None:
    where = {"xy": (x, 0), "xycoords": axis.get_xaxis_transform()}
    axis.annotate(
        text, **where, xytext=(0, -18), textcoords="offset points", ha="center", va="top"
    )


def _above(axis: Axes, text: str, side: str) -> None:
    where = axis.get_xaxis_transform()
    axis.text(0, 1.01, text, transform=where, ha=side, va="bottom", fontsize=8, color="#444444")


def draw(results: Results) -> dict[str, Figure]:
    """Name -> figure; those without any data are left out."""
    drawings: dict[str, Callable[[Results], Figure]] = {
        "success": success_figure,
        "regret": regret_figure,
        "calibration": calibration_figure,
        "learning": learning_figure,
    }
    with matplotlib.rc_context(_STYLE):
        figures = {name: drawing(results) for name, drawing in drawings.items()}
    return {name: f for name, f in figures.items() if any(axis.lines for axis in f.axes)}


def png(figure: Figure) -> bytes:
    with matplotlib.rc_context(_STYLE):
        memory = BytesIO()
        figure.savefig(memory, format="png", dpi=200, metadata={"Software": None})
    return memory.getvalue()


def success_figure(results: Results) -> Figure:
    """Success rate of the periodic evaluations."""
    figure = Figure(figsize=(WIDTH, 3.9))
    axis, timeline = figure.subplots(), Timeline.of(results)
    colours = method_colours(list(results.methods))
    for label, runs in results.methods.items():
        for stage in TRAINING_STAGES:
            curves = _curves(runs, stage, "evaluation/success_rate")
            _draw_seeds(axis, timeline, stage, curves, colours[label], marker=".")
            if curves:
                spread = across_seeds(curves) if len(curves) > 1 else _wilson(runs, stage)
                _draw_spread(axis, timeline, stage, spread, colours[label], label)
    axis.set(ylim=(0, 1), ylabel="success rate")
    timeline.dress(axis, ticks=4)
    _legend_on_top(figure, axis)
    return figure


def _wilson(runs: Sequence[Run], stage: str) -> Spread:
    """The only seed's evaluations with their own intervals."""
    run = next(run for run in runs if len(run.curve(stage, "evaluation/success_rate").steps))
    columns = [run.curve(stage, f"evaluation/success_{name}") for name in ("rate", "low", "high")]
    return Spread(columns[0].steps, *(column.values for column in columns))


def regret_figure(results: Results) -> Figure:
    """Share of failed episodes so far, over environment steps."""
    figure = Figure(figsize=(WIDTH, 3.3))
    axis = figure.subplots()
    colours = method_colours(list(results.methods))
    for label, runs in results.methods.items():
        curves = [run.regret_curve for run in runs if run.regret is not None]
        if curves:
            spread = across_seeds(curves)
            axis.fill_between(*_edges(spread), color=colours[label], alpha=0.15, linewidth=0)
            axis.plot(spread.steps, spread.mean, color=colours[label], label=label)
            for curve in curves:
                axis.plot(*curve, color=colours[label], linewidth=0.6, alpha=0.5)
    axis.set(ylim=(0, 1.02), xlim=(0, None), ylabel="cumulative regret")
    axis.set_xlabel("environment steps")
    axis.xaxis.set_major_formatter(_steps_text)
    _legend_on_top(figure, axis)
    return figure
