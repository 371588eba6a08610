"""Values of training batches beside their returns-to-go."""

import numpy as np
from matplotlib.figure import Figure

from calql_vision.figures.method_grid import method_grid
from calql_vision.figures.metric_lines import draw_metric
from calql_vision.figures.step_axis import StepAxis
from calql_vision.figures.style import Style, as_text, legend_on_top, once
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.record import Run, TaskRuns

_MOST = 3  # methods side by side: more go underneath
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


def calibration(results: TaskRuns, styles: dict[str, Style]) -> Figure:
    """Q against return-to-go, and beneath it how often the policy's Q is below.

    A column per method that has a critic.
    """
    methods = {label: runs for label, runs in results.methods.items() if _has_critic(runs)}
    if not methods:
        return Figure()
    figure, panels = method_grid(
        len(methods), _MOST, width=3.3, height=5.2, sharey="row", height_ratios=(3, 2)
    )
    for pair, (label, runs) in zip(panels, methods.items(), strict=True):
        _draw_method(pair, StepAxis.of(results), label, runs, styles[label])
    for values, rates in panels[::_MOST]:
        values.set_ylabel("value")
        rates.set(ylabel="bound rate", ylim=(-0.02, 1.02))
    legend_on_top(panels[0, 0].figure, panels[0, 0])
    panels[0, 1].legend(*once(panels[0, 1]), loc="best", handlelength=1.6)
    return figure


def _has_critic(runs: list[Run]) -> bool:
    return any(len(run.curve(s, "q_data").steps) for run in runs for s in TRAINING_STAGES)


def _draw_method(
    pair: np.ndarray, step_axis: StepAxis, label: str, runs: list[Run], style: Style
) -> None:
    """Values above, bound rate below."""
    for axis, lines in zip(pair, (_Q_LINES, _BOUND_LINES), strict=True):
        for name, (meaning, line) in lines.items():
            draw_metric(axis, step_axis, runs, name, line, meaning)
        step_axis.dress(axis, ticks=3, sides=axis is pair[0])
    pair[0].set_title(as_text(label), color=style.colour, fontweight="bold", pad=16)
