"""Figures of the diagnosis: what critics promise beside what came of it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from calql_vision.analysis.regret_decomposition import WHEN, part_across_seeds
from calql_vision.figures.method_grid import method_grid
from calql_vision.figures.style import WIDTH, Style, as_text, legend_on_top
from calql_vision.runs.diagnosis import CheckpointDiagnosis, Pairs
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.record import Run, TaskRuns

_SOURCES = {  # label, colour, side on which it is drawn
    "demonstrations": ("demonstrations", "#009E73", -1),
    "rollouts": ("fresh rollouts", "#CC79A7", 1),
}
_ASIDE = 0.006  # of the range of returns: sparse tasks have few returns, the same for both sources
_SIDE_BY_SIDE = 4  # methods
_MOST = 1500  # points per source and panel: more only blacken it
_PARTS = {
    "miscalibration": "miscalibration\n$V^* - \\max_a Q$",
    "over_estimation": "over-estimation\n$\\max_a Q - V^\\pi$",
    "regret": "their sum: regret\n$V^* - V^\\pi$",
}


def returns(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Q(s, a) over the realised return with the identity line; a column per method."""
    methods = {label: runs for label, runs in results.methods.items() if _examined(runs)}
    if not methods:
        return Figure()
    figure, panels = method_grid(
        len(methods), _SIDE_BY_SIDE, width=2.6, height=6.0, sharex=True, sharey=True
    )
    for column, (label, runs) in zip(panels, methods.items(), strict=True):
        for axis, stage in zip(column, TRAINING_STAGES, strict=True):
            _scatter(axis, [run.diagnosed.get(stage) for run in _examined(runs)])
            axis.axline((0, 0), slope=1, color="#000000", linewidth=0.9, linestyle="--")
        column[0].set_title(as_text(label), color=styles[label].colour, fontweight="bold")
        column[1].set_xlabel("realised return")
    points = [line for axis in panels.flat for line in axis.lines if line.get_marker() == "o"]
    limits = _limits(points)
    for column in panels[::_SIDE_BY_SIDE]:
        column[0].set(xlim=limits, ylim=limits)  # the same on both: the identity is the diagonal
        for axis, stage in zip(column, TRAINING_STAGES, strict=True):
            axis.set_ylabel(f"{WHEN[stage]}\nQ(s, a)")
    part = panels[0, 0].figure
    legend_on_top(part, *panels[0])
    for handle in filter(None, part.legends[0].legend_handles):
        handle.set(alpha=1, markersize=5)
    return figure


def _limits(points: Sequence[Line2D]) -> tuple[float, float]:
    """Of everything drawn, returns and Q alike, with a margin."""
    values = np.concatenate([values for line in points for values in line.get_data()])
    margin = 0.04 * np.ptp(values)
    return values.min() - margin, values.max() + margin


def _examined(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.diagnosed]


def _scatter(axis: Axes, found: Sequence[CheckpointDiagnosis | None]) -> None:
    known = [each for each in found if each is not None]
    if not known:
        axis.text(0.08, 0.88, "no checkpoint", transform=axis.transAxes)
        return
    for source, (label, colour, side) in _SOURCES.items():
        returns, q = _thinned(Pairs.joined([getattr(each, source) for each in known]))
        axis.plot(
            returns + side * _ASIDE * np.ptp(returns),
            q,
            linestyle="",
            color=colour,
            marker="o",
            markersize=2.4,
            markeredgewidth=0,
            alpha=0.25,
            label=as_text(label),
        )


def _thinned(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """At most _MOST of the points, chosen at random, the same every time."""
    chosen = np.random.default_rng(0).permutation(len(pairs.q))[:_MOST]
    return pairs.returns[chosen], pairs.q[chosen]


def decomposition(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Miscalibration, over-estimation and their sum, before and after fine-tuning."""
    methods = {label: runs for label, runs in results.methods.items() if _examined(runs)}
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    if not methods:
        return figure
    axes = figure.subplots(1, len(_PARTS), sharey=True)
    for axis, (part, title) in zip(axes, _PARTS.items(), strict=True):
        axis.axhline(0, color="#444444", linewidth=1, label="_zero")
        for number, (label, runs) in enumerate(methods.items()):
            shift = 0.08 * (number - (len(methods) - 1) / 2) / max(1, len(methods) / 4)
            _draw_part(axis, _examined(runs), part, styles[label], label, shift)
        axis.set_title(title)
        axis.set_xticks((0, 1), ("before\nfine-tuning", "after"))
        axis.set_xlim(-0.35, 1.35)
    axes[0].set_ylabel("discounted value")
    legend_on_top(figure, axes[0])
    return figure


def _draw_part(
    axis: Axes, runs: Sequence[Run], part: str, style: Style, label: str, shift: float
) -> None:
    """A line from before to after; bars from the lowest to the highest seed."""
    stages = [s for s in TRAINING_STAGES if any(s in run.diagnosed for run in runs)]
    mean, low, high = np.array([part_across_seeds(runs, stage, part) for stage in stages]).T
    places = [TRAINING_STAGES.index(stage) + shift for stage in stages]
    axis.vlines(places, low, high, color=style.colour, linewidth=1)
    axis.plot(
        places,
        mean,
        color=style.colour,
        linestyle=style.line,
        linewidth=1.6,
        marker="o",
        markersize=4.5,
        label=as_text(label),
    )
