"""Figures of a report: a line per method, the mean of its seeds, with a band across them."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from calql_vision.results import TRAINING_STAGES, Curve, Results, Run
from calql_vision.timeline import Timeline, steps_text

WIDTH = 7.4  # inches
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}
# Okabe and Ito's palette (2008): told apart with every common kind of colour vision.
_METHOD_COLOURS = {
    "cal_ql": "#0072B2",
    "cql": "#D55E00",
    "cal_ql_official": "#56B4E9",
    "cql_official": "#E69F00",
}
_OTHER_COLOURS = ("#009E73", "#CC79A7", "#7F6A00", "#666666")
_Q_LINES = {  # column: label, colour, line
    "return_to_go": ("return-to-go", "#000000", "--"),
    "q_data": ("Q(data)", "#009E73", "-"),
    "q_policy": ("Q(policy)", "#CC79A7", "-"),
    "q_random": ("Q(random)", "#8C8C8C", "-"),
}
_BOUND_LINES = {
    "bound_rate_success": ("successful episodes", "#222222", "-"),
    "bound_rate": ("all episodes", "#222222", ":"),
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

    Seeds have rows at different steps (episodes differ in length): linear interpolation between.
    """
    start = max(curve.steps[0] for curve in curves)
    end = min(curve.steps[-1] for curve in curves)
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    steps = steps[(steps >= start) & (steps <= end)]
    values = np.stack([np.interp(steps, *curve) for curve in curves])
    return Spread(steps, values.mean(0), values.min(0), values.max(0))


def draw(results: Results) -> dict[str, Figure]:
    """Name -> figure; those for which no run has data are left out."""
    colours = _method_colours(list(results.methods))
    drawings = (success, regret, calibration, learning)
    with matplotlib.rc_context(_STYLE):
        figures = {drawing.__name__: drawing(results, colours) for drawing in drawings}
    return {
        name: figure
        for name, figure in figures.items()
        if any(line.get_label()[0] != "_" for axis in figure.axes for line in axis.lines)
    }


def png(figure: Figure) -> bytes:
    """The figure at 200 dots per inch."""
    memory = BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(memory, format="png", dpi=200)
    return memory.getvalue()


def _method_colours(labels: Sequence[str]) -> dict[str, str]:
    """The same colour for the same method on every page; unknown ones take what is left."""
    unknown = [label for label in labels if label not in _METHOD_COLOURS]
    spare = {name: _OTHER_COLOURS[i % len(_OTHER_COLOURS)] for i, name in enumerate(unknown)}
    return _METHOD_COLOURS | spare


def success(results: Results, colours: dict[str, str]) -> Figure:
    """Success rate of the periodic evaluations; a single seed with Wilson's interval."""
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    axis, timeline = figure.subplots(), Timeline.of(results)
    for label, runs in results.methods.items():
        for stage in TRAINING_STAGES:
            curves = _curves(runs, stage, "evaluation/success_rate")
            if not curves:
                continue
            spread = across_seeds(curves) if len(curves) > 1 else _wilson(runs, stage)
            spread = spread._replace(steps=timeline.place(stage, spread.steps))
            _draw_spread(axis, spread, colours[label], label, marker="o")
            for curve in curves:
                places = timeline.place(stage, curve.steps)
                _draw_seed(axis, places, curve.values, colours[label], marker=".")
    axis.set(ylim=(-0.02, 1.02), ylabel="success rate")
    timeline.dress(axis, ticks=4, sides=True)
    _legend_on_top(figure, axis)
    return figure


def _wilson(runs: Sequence[Run], stage: str) -> Spread:
    """The evaluations of the only seed that has any, each with its own interval."""
    name = "evaluation/success_"
    run = next(run for run in runs if len(run.curve(stage, f"{name}rate").steps))
    rate, low, high = (run.curve(stage, name + column) for column in ("rate", "low", "high"))
    return Spread(*rate, low.values, high.values)


def regret(results: Results, colours: dict[str, str]) -> Figure:
    """Share of failures among the online episodes so far."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axis = figure.subplots()
    for label, runs in results.methods.items():
        curves = [run.regret_curve for run in runs if run.regret is not None]
        if curves:
            _draw_spread(axis, across_seeds(curves), colours[label], label)
        for curve in curves:
            _draw_seed(axis, *curve, colours[label])
    axis.set(ylim=(0, 1.02), xlabel="environment steps", ylabel="cumulative regret")
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(steps_text)
    _legend_on_top(figure, axis)
    return figure


def calibration(results: Results, colours: dict[str, str]) -> Figure:
    """Q against return-to-go, and beneath it how often the policy's Q is below; by method."""
    columns = len(results.methods)
    figure = Figure(figsize=(max(WIDTH, 3.5 * columns), 5.2), layout="constrained")
    axes = figure.subplots(2, columns, sharey="row", squeeze=False, height_ratios=(3, 2))
    timeline = Timeline.of(results)
    for column, (label, runs) in zip(axes.T, results.methods.items(), strict=True):
        for axis, lines in zip(column, (_Q_LINES, _BOUND_LINES), strict=True):
            for name, (meaning, colour, line) in lines.items():
                _draw_metric(axis, timeline, runs, name, colour, meaning, linestyle=line)
            timeline.dress(axis, ticks=3, sides=axis is column[0])
        column[0].set_title(label, color=colours[label], fontweight="bold", pad=16)
    axes[0, 0].set_ylabel("value")
    axes[1, 0].set(ylabel="bound rate", ylim=(-0.02, 1.02))
    _legend_on_top(figure, axes[0, 0])
    axes[1, 0].legend(*_once(axes[1, 0]), loc="best", handlelength=1.6)
    return figure


def learning(results: Results, colours: dict[str, str]) -> Figure:
    """Losses and the policy's randomness, one panel each."""
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    axes, timeline = figure.subplots(2, 2).flat, Timeline.of(results)
    for axis, (name, meaning) in zip(axes, _LEARNING.items(), strict=True):
        for label, runs in results.methods.items():
            _draw_metric(axis, timeline, runs, name, colours[label], label)
        axis.set_title(meaning)
        timeline.dress(axis, ticks=3)
    _logarithmic(figure.axes[0])
    _legend_on_top(figure, figure.axes[0])
    return figure


def _curves(runs: Sequence[Run], stage: str, name: str) -> list[Curve]:
    curves = [run.curve(stage, name) for run in runs]
    return [curve for curve in curves if len(curve.steps)]


def _draw_metric(
    axis: Axes, timeline: Timeline, runs: Sequence[Run], name: str, colour: str, label: str, **line
) -> None:
    """One metric of one method: the mean of the seeds and, thinly, each of them."""
    for stage in TRAINING_STAGES:
        curves = _curves(runs, stage, name)
        if curves:
            spread = across_seeds(curves)
            places = timeline.place(stage, spread.steps)
            axis.plot(places, spread.mean, color=colour, label=label, linewidth=1.6, **line)
        for curve in curves if len(curves) > 1 else []:
            _draw_seed(axis, timeline.place(stage, curve.steps), curve.values, colour)


def _draw_spread(axis: Axes, spread: Spread, colour: str, label: str, marker: str = "") -> None:
    marker = marker if len(spread.steps) == 1 else ""  # a line of one point is invisible
    style = {"color": colour, "label": label, "marker": marker, "clip_on": False, "zorder": 3}
    axis.fill_between(spread.steps, spread.low, spread.high, color=colour, alpha=0.15, linewidth=0)
    axis.plot(spread.steps, spread.mean, linewidth=2.2, **style)


def _draw_seed(axis: Axes, x: np.ndarray, y: np.ndarray, colour: str, marker: str = "") -> None:
    axis.plot(x, y, color=colour, linewidth=0.6, alpha=0.5, marker=marker, label="_seed")


def _logarithmic(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def _legend_on_top(figure: Figure, axis: Axes) -> None:
    handles, labels = _once(axis)
    if labels:
        figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)))


def _once(axis: Axes) -> tuple[list[Artist], list[str]]:
    """Handles and labels of a legend, every label once: both stages draw a line of their own."""
    handles, labels = axis.get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    return list(by_label.values()), list(by_label)
