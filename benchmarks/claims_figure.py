"""One figure per claim: success online, a thick line per method, a thin one per run."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from claims_rows import Row
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calql_vision.figures.style import STYLE, WIDTH, legend_on_top, method_styles

POINTS = 9  # of a mean over runs whose evaluations fall on different steps


def draw(rows: Iterable[Row]) -> None:
    """docs/claims/ROW.png of every row that has results."""
    for row in rows:
        results = [json.loads(c.file.read_text()) for c in row.cells() if c.file.is_file()]
        if results:
            with matplotlib.rc_context(STYLE):
                figure(row, results).savefig(Path("docs/claims") / f"{row.name}.png", dpi=160)


def figure(row: Row, results: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes, styles = figure.subplots(), method_styles(list(row.methods))
    for method in row.methods:
        curves = [online_curve(result) for result in results if result["method"] == method]
        if curves:
            draw_method(axes, method, curves, *styles[method])
    axes.set(xlabel="environment steps online", ylabel="success, 25 episodes", ylim=(-0.02, 1.02))
    legend_on_top(figure, axes)
    return figure


def draw_method(
    axes: Axes, method: str, curves: list[np.ndarray], colour: str, line: str | tuple
) -> None:
    for steps, rates in curves:
        axes.plot(steps, rates, color=colour, linestyle=line, linewidth=0.7, alpha=0.35)
    steps = np.linspace(0, min(steps[-1] for steps, _ in curves), POINTS)
    mean = np.mean([np.interp(steps, *curve) for curve in curves], axis=0)
    label = method if len(curves) == 1 else f"{method} ({len(curves)} runs)"
    axes.plot(steps, mean, color=colour, linestyle=line, linewidth=2, label=label)


def online_curve(result: dict[str, Any]) -> np.ndarray:
    """Steps and success rates, float64 [2, N]."""
    return np.array(result["periodic"]["finetune"]).T
