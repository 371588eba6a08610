"""How an update grows: a panel for each thing that grows, all with one scale."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from calql_vision.figures.style import STYLE
from speed.measurement import Measurement, load

FIGURE, GROWTH = "growth.png", "Growth: "
COLOUR = "#0072B2"
TICKS = (0.25, 0.5, 1, 2, 4, 8)


def draw(folder: Path) -> None:
    """Nothing where growth has not been measured."""
    source = folder / "growth.json"
    if not source.is_file():
        return
    _, found = load(source)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(found), figsize=(1.9 * len(found), 2.2), sharey=True, layout="constrained"
        )
        for axis, each in zip(axes, found, strict=True):
            panel(axis, each)
        axes[0].set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes[0].set_yticks([], minor=True)
        axes[0].set_ylabel("time of an update\n(the default: 1)")
        figure.savefig(folder / FIGURE, dpi=150)
        plt.close(figure)


def panel(axis: Axes, found: Measurement) -> None:
    """Medians, and from the least to the greatest ratio to the default in the same turn."""
    names = [name for name in found.values if name != found.baseline]
    ratios = [sorted(found.ratios(name)) for name in names]
    values, middle = [int(name) for name in names], [r[len(r) // 2] for r in ratios]
    below = [m - r[0] for m, r in zip(middle, ratios, strict=True)]
    above = [r[-1] - m for m, r in zip(middle, ratios, strict=True)]
    axis.errorbar(values, middle, yerr=[below, above], fmt="o-", ms=3, lw=1, color=COLOUR)
    axis.axhline(1, color="#999999", lw=0.8)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(values, [str(value) for value in values], minor=False)
    axis.set_xticks([], minor=True)
    axis.set_xlabel(found.name.removeprefix(GROWTH))
