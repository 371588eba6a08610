"""How the figures of a report look: sizes, colours, legends."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from calql_vision.datasets.names import printable

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

WIDTH = 7.4  # inches
STYLE: dict[RcKeyType, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


class Style(NamedTuple):
    """How a method is drawn; dashes show a line that lies under another."""

    colour: str
    line: str | tuple


_DASHED, _DOTTED, _DASH_DOTTED = (0, (4, 1.2)), (0, (1.2, 1.2)), (0, (6, 1, 1.5, 1))
# Okabe and Ito's palette (2008): told apart with every common kind of colour vision. Relatives
# share a colour; no two methods share both.
_METHOD_STYLES = {
    "cal_ql": Style("#0072B2", "-"),
    "cql": Style("#D55E00", _DASHED),
    "cal_ql_official": Style("#56B4E9", "-"),
    "cql_official": Style("#E69F00", _DASHED),
    "cql_sac": Style("#E69F00", "-"),
    "cal_ql_sac": Style("#56B4E9", _DASH_DOTTED),
    "wsrl": Style("#56B4E9", _DASHED),
    "iql": Style("#009E73", "-"),
    "awac": Style("#009E73", _DASHED),
    "sac": Style("#7F6A00", "-"),
    "rlpd": Style("#7F6A00", _DASHED),
    "bc_rlpd": Style("#CC79A7", _DASHED),
    "td3_bc": Style("#CC79A7", "-"),
    "bc": Style("#666666", "-"),
}
_OTHER_STYLES = [
    Style(colour, line)
    for line in (_DASH_DOTTED, _DOTTED)
    for colour in ("#009E73", "#CC79A7", "#7F6A00", "#666666")
]


def method_styles(labels: Sequence[str]) -> dict[str, Style]:
    """The same style for the same method on every page; unknown ones by the letters of their name.

    Where two unknown ones of a page would look alike, the later in the alphabet takes the next.
    """
    found, free = dict(_METHOD_STYLES), list(_OTHER_STYLES)
    for label in sorted(set(labels) - set(found)):
        free = free or list(_OTHER_STYLES)
        wanted = _OTHER_STYLES[crc32(label.encode()) % len(_OTHER_STYLES)]
        found[label] = wanted if wanted in free else free[0]
        free.remove(found[label])
    return found


def png(figure: Figure) -> bytes:
    """The figure at 200 dots per inch."""
    memory = BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(memory, format="png", dpi=200)
    return memory.getvalue()


def as_text(name: str) -> str:
    """The name of a folder as matplotlib shows it: a `$` in it begins no formula."""
    return printable(name).replace("$", r"\$")


def legend_on_top(figure: Figure | SubFigure, *axes: Axes) -> None:
    handles, labels = once(*axes)
    if labels:
        figure.legend(handles, labels, loc="outside upper left", ncols=min(4, len(labels)))


def once(*axes: Axes) -> tuple[list[Artist], list[str]]:
    """Handles and labels of a legend, every label once: both stages draw a line of their own."""
    by_label: dict[str, Artist] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        by_label |= dict(zip(labels, handles, strict=True))
    return list(by_label.values()), list(by_label)
