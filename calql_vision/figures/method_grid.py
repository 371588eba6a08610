"""A column per method, two panels high; more methods than fit go underneath."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from calql_vision.figures.style import WIDTH


def method_grid(
    methods: int, side_by_side: int, width: float, height: float, **sharing: Any
) -> tuple[Figure, np.ndarray]:
    """A figure and its panels, Axes [methods, 2], upper and lower; `width` and `height` of a column
    in inches. `sharing` is what `subplots` takes, within a row of columns."""
    columns, rows = min(side_by_side, methods), -(-methods // side_by_side)
    figure = Figure(figsize=(max(WIDTH, width * columns), height * rows), layout="constrained")
    parts = figure.subfigures(rows, 1, squeeze=False)[:, 0]
    panels = np.concatenate([p.subplots(2, columns, squeeze=False, **sharing).T for p in parts])
    for axis in panels[methods:].flat:
        axis.remove()
    return figure, panels[:methods]
