"""Figures of a report: a line per method, the mean of its seeds, with a band across them."""

from collections.abc import Sequence
from io import BytesIO

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from calql_vision.analysis.outcome import regret_curve
from calql_vision.analysis.seed_curves import CurveBand, band_across_seeds, curves_of, success_band
from calql_vision.figures.diagnosis import decomposition, returns
from calql_vision.figures.step_axis import StepAxis, steps_text
from calql_vision.figures.style import STYLE, WIDTH, Style, legend_on_top, method_styles, once
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.metrics import Column
from calql_vision.runs.record import Run, TaskRuns

_Q_LINES = {  # column: label, style
    "return_to_go": ("return-to-go", Style("#000000", "--")),
    "q_data": ("Q(data)", Style("#009E73", "-")),
    "q_policy": ("Q(policy)", Style("#CC79A7", "-")),
    "q_random": ("Q(random)", Style("#8C8C8C", "-")),
}
_BOUND_LINES = {
    "bound_rate_success": ("successful episodes", Style("#222222", "-")),
    "bound_rate": ("all episodes", Style("#222222", ":")),
}
_LEARNING = {
    "td_loss": "TD loss",
    "penalty": "penalty",
    "entropy": "entropy of the policy, nats",
    "temperature": "temperature",
}


def draw(results: TaskRuns) -> dict[str, Figure]:
    """Name -> figure; those for which no run has data are left out."""
    styles = method_styles(list(results.methods))
    drawings = (success, regret, calibration, returns, decomposition, learning)
    with matplotlib.rc_context(STYLE):
        figures = {drawing.__name__: drawing(results, styles) for drawing in drawings}
    return {
        name: figure
        for name, figure in figures.items()
        if any(str(line.get_label())[0] != "_" for axis in figure.axes for line in axis.lines)
    }


def png(figure: Figure) -> bytes:
    """The figure at 200 dots per inch."""
    memory = BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(memory, format="png", dpi=200)
    return memory.getvalue()


def success(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Success rate of the periodic evaluations; a single seed with Wilson's interval."""
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    axis = figure.subplots()
    draw_success(axis, results, styles)
    legend_on_top(figure, axis)
    return figure


def draw_success(axis: Axes, results: TaskRuns, styles: dict[str, Style]) -> None:
    step_axis = StepAxis.of(results)
    for label, runs in results.methods.items():
        for stage in TRAINING_STAGES:
            curves = curves_of(runs, stage, Column.SUCCESS_RATE)
            if not curves:
                continue
            band = success_band(runs, stage)
            band = band._replace(steps=step_axis.place(stage, band.steps))
            _draw_band(axis, band, styles[label], label, marker="o")
            for curve in curves:
                places = step_axis.place(stage, curve.steps)
                _draw_seed(axis, places, curve.values, styles[label].colour, marker=".")
    axis.set(ylim=(-0.02, 1.02), ylabel="success rate")
    step_axis.dress(axis, ticks=4, sides=True)


def regret(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Share of failures among the online episodes so far."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axis = figure.subplots()
    draw_regret(axis, results, styles)
    legend_on_top(figure, axis)
    return figure


def draw_regret(axis: Axes, results: TaskRuns, styles: dict[str, Style]) -> None:
    for label, runs in results.methods.items():
        curves = [curve for run in runs if len((curve := regret_curve(run)).steps)]
        if curves:
            _draw_band(axis, band_across_seeds(curves), styles[label], label)
        for curve in curves:
            _draw_seed(axis, *curve, styles[label].colour)
    axis.set(ylim=(0, 1.02), xlabel="environment steps", ylabel="cumulative regret")
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(steps_text)


def calibration(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Q against return-to-go, and beneath it how often the policy's Q is below; by method."""
    columns = len(results.methods)
    figure = Figure(figsize=(max(WIDTH, 3.5 * columns), 5.2), layout="constrained")
    axes = figure.subplots(2, columns, sharey="row", squeeze=False, height_ratios=(3, 2))
    step_axis = StepAxis.of(results)
    for column, (label, runs) in zip(axes.T, results.methods.items(), strict=True):
        for axis, lines in zip(column, (_Q_LINES, _BOUND_LINES), strict=True):
            for name, (meaning, style) in lines.items():
                _draw_metric(axis, step_axis, runs, name, style, meaning)
            step_axis.dress(axis, ticks=3, sides=axis is column[0])
        column[0].set_title(label, color=styles[label].colour, fontweight="bold", pad=16)
    axes[0, 0].set_ylabel("value")
    axes[1, 0].set(ylabel="bound rate", ylim=(-0.02, 1.02))
    legend_on_top(figure, axes[0, 0])
    axes[1, 0].legend(*once(axes[1, 0]), loc="best", handlelength=1.6)
    return figure


def learning(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Losses and the policy's randomness, one panel each."""
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    axes, step_axis = figure.subplots(2, 2).flat, StepAxis.of(results)
    for axis, (name, meaning) in zip(axes, _LEARNING.items(), strict=True):
        for label, runs in results.methods.items():
            _draw_metric(axis, step_axis, runs, name, styles[label], label)
        axis.set_title(meaning)
        step_axis.dress(axis, ticks=3)
    _logarithmic(figure.axes[0])
    legend_on_top(figure, figure.axes[0])
    return figure


def _draw_metric(
    axis: Axes, step_axis: StepAxis, runs: Sequence[Run], name: str, style: Style, label: str
) -> None:
    """One metric of one method: the mean of the seeds and, thinly, each of them."""
    for stage in TRAINING_STAGES:
        curves = curves_of(runs, stage, name)
        if curves:
            band = band_across_seeds(curves)
            places = step_axis.place(stage, band.steps)
            axis.plot(
                places, band.mean, linestyle=style.line, color=style.colour, label=label, lw=1.6
            )
        for curve in curves if len(curves) > 1 else []:
            _draw_seed(axis, step_axis.place(stage, curve.steps), curve.values, style.colour)


def _draw_band(axis: Axes, band: CurveBand, style: Style, label: str, marker: str = "") -> None:
    marker = marker if len(band.steps) == 1 else ""  # a line of one point is invisible
    axis.fill_between(band.steps, band.low, band.high, color=style.colour, alpha=0.15, linewidth=0)
    axis.plot(
        band.steps,
        band.mean,
        color=style.colour,
        linestyle=style.line,
        linewidth=2.2,
        marker=marker,
        label=label,
        clip_on=False,
        zorder=3,
    )


def _draw_seed(axis: Axes, x: np.ndarray, y: np.ndarray, colour: str, marker: str = "") -> None:
    axis.plot(x, y, color=colour, linewidth=0.6, alpha=0.5, marker=marker, label="_seed")


def _logarithmic(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
