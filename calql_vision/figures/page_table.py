"""A table of a page: what its columns mean stands beside them, and empty ones are left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DASH = "–"


class Cell(NamedTuple):
    """A number, and in small letters what belongs to it."""

    text: str = DASH
    under: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class PageColumn:
    """One column: its heading, what it means, and what it shows of a row."""

    heading: str
    note: str  # a sentence or two; empty where the heading says all
    cell: Callable[[Any], Cell]


@dataclass(frozen=True)
class RowHead:
    """How a row begins. `kind` is method, which draws a line above, or seed."""

    kind: str
    text: str
    under: str = ""


@dataclass(frozen=True)
class PageTable:
    """What the template needs."""

    columns: list[PageColumn] = field(default_factory=list)
    rows: list[tuple[RowHead, list[Cell]]] = field(default_factory=list)

    @classmethod
    def of(cls, columns: Sequence[PageColumn], rows: Sequence[tuple[RowHead, Any]]) -> "PageTable":
        """Of the columns those in which any row has something to say."""
        told = [
            column for column in columns if any(column.cell(item).text != DASH for _, item in rows)
        ]
        return cls(told, [(head, [column.cell(item) for column in told]) for head, item in rows])

    @property
    def notes(self) -> list[tuple[str, str]]:
        """(heading, meaning) of the columns that need one."""
        return [(column.heading, column.note) for column in self.columns if column.note]


def seeds_of(number: int) -> str:
    return f"{number} seed{'s' if number > 1 else ''}"
