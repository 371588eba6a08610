"""Figures of a report: a line per method, the mean of its seeds."""

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from calql_vision.analysis.outcome import regret_curve
from calql_vision.analysis.seed_curves import CurveBand, band_across_seeds, curves_of, success_band
from calql_vision.figures.calibration import calibration
from calql_vision.figures.diagnosis import decomposition, returns
from calql_vision.figures.metric_lines import draw_metric, draw_seed
from calql_vision.figures.step_axis import StepAxis, steps_text
from calql_vision.figures.style import STYLE, WIDTH, Style, as_text, legend_on_top, method_styles
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.metrics import Column
from calql_vision.runs.record import TaskRuns

_BANDS = 2  # methods whose bands are drawn: of more they mix into a colour of nobody
_HELD_OUT = {
    Column.ACTION_ERROR: "mean error of a number of the action, of a range of 2",
    Column.Q_ERROR: "mean |Q \N{MINUS SIGN} return that followed|",
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
    drawings = (success, held_out, regret, calibration, returns, decomposition, learning)
    with matplotlib.rc_context(STYLE):
        figures = {drawing.__name__: drawing(results, styles) for drawing in drawings}
    return {
        name: figure
        for name, figure in figures.items()
        if any(str(line.get_label())[0] != "_" for axis in figure.axes for line in axis.lines)
    }


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
            _draw_mean(axis, band, styles[label], label, marker="o")
            if len(results.methods) <= _BANDS:
                _draw_band(axis, band, styles[label].colour)
            for curve in curves:
                places = step_axis.place(stage, curve.steps)
                draw_seed(axis, places, curve.values, styles[label].colour, marker=".")
    axis.set(ylim=(-0.02, 1.02), ylabel="success rate")
    step_axis.dress(axis, ticks=4, sides=True)


def held_out(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Where nothing is rolled out: errors on held-out demonstrations."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes, step_axis = figure.subplots(1, 2), StepAxis.of(results)
    for axis, (name, meaning) in zip(axes, _HELD_OUT.items(), strict=True):
        for label, runs in results.methods.items():
            draw_metric(axis, step_axis, runs, name, styles[label], label)
        axis.set_title(meaning)
        axis.set_ylim(bottom=0)
        step_axis.dress(axis, ticks=3)
    legend_on_top(figure, *axes)
    return figure


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
            _draw_mean(axis, band_across_seeds(curves), styles[label], label)
        for curve in curves:
            draw_seed(axis, *curve, styles[label].colour)
    axis.set(ylim=(0, 1.02), xlabel="environment steps", ylabel="cumulative regret")
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(steps_text)


def learning(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Losses and the policy's randomness, one panel each."""
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    axes, step_axis = figure.subplots(2, 2).flat, StepAxis.of(results)
    for axis, (name, meaning) in zip(axes, _LEARNING.items(), strict=True):
        for label, runs in results.methods.items():
            draw_metric(axis, step_axis, runs, name, styles[label], label)
        axis.set_title(meaning)
        step_axis.dress(axis, ticks=3)
    _logarithmic(figure.axes[0])
    legend_on_top(figure, *figure.axes)
    return figure


def _draw_band(axis: Axes, band: CurveBand, colour: str) -> None:
    axis.fill_between(band.steps, band.low, band.high, color=colour, alpha=0.15, linewidth=0)


def _draw_mean(axis: Axes, band: CurveBand, style: Style, label: str, marker: str = "") -> None:
    marker = marker if len(band.steps) == 1 else ""  # a line of one point is invisible
    axis.plot(
        band.steps,
        band.mean,
        color=style.colour,
        linestyle=style.line,
        linewidth=2.2,
        marker=marker,
        label=as_text(label),
        clip_on=False,
        zorder=3,
    )


def _logarithmic(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
