"""One figure per claim: success online, a panel for each other method beside Cal-QL.

Two methods to a panel: more lines and bands mix into something that nobody reads. Both of them on
the same data with the same seeds; all of Cal-QL's runs have a panel where others have fewer.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from claims_rows import Row
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calql_vision.analysis.seed_curves import CurveBand, band_across_seeds
from calql_vision.figures.style import STYLE, WIDTH, Style, method_styles
from calql_vision.runs.metrics import Curve

REFERENCE = "cal_ql"
Runs = dict[tuple[str, int], Curve]  # (data, seed) -> success
COLUMNS = 3


def draw(rows: Iterable[Row]) -> None:
    """docs/claims/ROW.png of every row that has results."""
    for row in rows:
        results = [json.loads(c.file.read_text()) for c in row.cells() if c.file.is_file()]
        if results:
            with matplotlib.rc_context(STYLE):
                figure(row, results).savefig(Path("docs/claims") / f"{row.name}.png", dpi=160)


def figure(row: Row, results: list[dict[str, Any]]) -> Figure:
    """Methods without a result have no panel; what is not summed up has panels of its own."""
    panels = [
        (title, method, curves)
        for title, data in row.together().items()
        for curves in [curves_of(results, row, data)]
        for method in panel_methods(curves)
    ]
    others = len({method for _, method, _ in panels})
    columns = min(COLUMNS, others if others > 1 else len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 2.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    styles = method_styles(list(row.methods))
    for axis, (title, method, curves) in zip(axes.flat, panels, strict=False):
        draw_panel(axis, method, curves, styles)
        axis.set_title(title if len(row.together()) > 1 else "", fontsize=STYLE["font.size"])
    for place in range(len(panels), rows * columns):
        axes.flat[place].remove()
        axes.flat[place - columns].tick_params(labelbottom=True)  # now the lowest of its column
    figure.supxlabel("environment steps online", fontsize=STYLE["font.size"])
    figure.supylabel("success in periodic evaluations", fontsize=STYLE["font.size"])
    return figure


def curves_of(results: list[dict[str, Any]], row: Row, data: list[str]) -> dict[str, Runs]:
    """Method -> its runs on these data."""
    found = [r for r in results if r["data"] in data]
    return {
        m: {(r["data"], r["seed"]): online_curve(r) for r in found if r["method"] == m}
        for m in row.methods
    }


def panel_methods(curves: dict[str, Runs]) -> list[str]:
    """Who is drawn beside the reference, after all of its runs where none of them has as many."""
    others = [method for method, found in curves.items() if found and method != REFERENCE]
    most = max((len(curves[method]) for method in others), default=0)
    return [REFERENCE] * (len(curves[REFERENCE]) > most) + others


def draw_panel(axis: Axes, method: str, curves: dict[str, Runs], styles: dict[str, Style]) -> None:
    beside = [curve for run, curve in curves[REFERENCE].items() if run in curves[method]]
    if beside:
        band = draw_mean(axis, REFERENCE, beside, styles[REFERENCE])
        colour = styles[REFERENCE].colour
        axis.fill_between(band.steps, band.low, band.high, color=colour, alpha=0.18, linewidth=0)
    if method != REFERENCE:
        band = draw_mean(axis, method, list(curves[method].values()), styles[method])
        for edge in (band.low, band.high) if len(curves[method]) > 1 else ():
            axis.plot(band.steps, edge, color=styles[method].colour, linewidth=0.7)
    axis.set(ylim=(-0.02, 1.04))
    axis.legend(loc="best", fontsize=8, handlelength=1.8)


def draw_mean(axis: Axes, method: str, curves: Sequence[Curve], style: Style) -> CurveBand:
    """A thick line; returns the band from the lowest to the highest run around it."""
    band = band_across_seeds(curves)
    label = method if len(curves) == 1 else f"{method}, {len(curves)} runs"
    axis.plot(band.steps, band.mean, color=style.colour, linestyle=style.line, lw=2, label=label)
    return band


def online_curve(result: dict[str, Any]) -> Curve:
    return Curve(*np.array(result["periodic"]["finetune"]).T)
