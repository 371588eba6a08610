"""One metric of one method as lines."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from calql_vision.analysis.seed_curves import band_across_seeds, curves_of
from calql_vision.figures.step_axis import StepAxis
from calql_vision.figures.style import Style, as_text
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.record import Run


def draw_metric(
    axis: Axes, step_axis: StepAxis, runs: Sequence[Run], name: str, style: Style, label: str
) -> None:
    """One metric of one method: the mean of the seeds and, thinly, each of them."""
    for stage in TRAINING_STAGES:
        curves = curves_of(runs, stage, name)
        if curves:
            band = band_across_seeds(curves)
            places = step_axis.place(stage, band.steps)
            axis.plot(
                places,
                band.mean,
                linestyle=style.line,
                color=style.colour,
                label=as_text(label),
                lw=1.6,
            )
        for curve in curves if len(curves) > 1 else []:
            draw_seed(axis, step_axis.place(stage, curve.steps), curve.values, style.colour)


def draw_seed(axis: Axes, x: np.ndarray, y: np.ndarray, colour: str, marker: str = "") -> None:
    """A thin line that no legend names."""
    axis.plot(x, y, color=colour, linewidth=0.6, alpha=0.5, marker=marker, label="_seed")
