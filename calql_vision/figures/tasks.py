"""Figures over several tasks: a panel per task, a line per method."""

from collections.abc import Callable, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calql_vision.figures.style import (
    STYLE,
    WIDTH,
    Style,
    as_text,
    legend_on_top,
    method_styles,
    once,
)
from calql_vision.figures.training import draw_regret, draw_success
from calql_vision.runs.record import TaskRuns

_COLUMNS = 2
_DRAWINGS: dict[str, Callable[[Axes, TaskRuns, dict[str, Style]], None]] = {
    "success": draw_success,
    "regret": draw_regret,
}


def draw_tasks(tasks: Sequence[TaskRuns]) -> dict[str, Figure]:
    """Name -> figure; those for which no run has data are left out."""
    labels = dict.fromkeys(label for results in tasks for label in results.methods)
    styles = method_styles(list(labels))
    with matplotlib.rc_context(STYLE):
        figures = {name: _panels(tasks, styles, draw) for name, draw in _DRAWINGS.items()}
    return {name: figure for name, figure in figures.items() if once(*figure.axes)[1]}


def _panels(tasks: Sequence[TaskRuns], styles: dict[str, Style], draw: Callable) -> Figure:
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(WIDTH * (0.6 + 0.4 * columns), 0.5 + 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axis, results in zip(axes.flat, tasks, strict=False):
        draw(axis, results, styles)
        axis.set_title(as_text(results.task), pad=16)
    for axis in axes.flat[len(tasks) :]:
        axis.remove()
    legend_on_top(figure, *axes.flat[: len(tasks)])
    return figure
