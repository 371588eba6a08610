"""metrics.csv: a row per logged step of training, a column per number."""

import csv
import os
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calql_vision.datasets.disk_space import said_when_full
from calql_vision.datasets.whole_file import whole_file


class Column(StrEnum):
    """The columns that analyses rely on; an algorithm adds those of its own."""

    STEP = "step"  # gradient steps of pretrain, environment steps of finetune
    WALL_SECONDS = "wall_seconds"  # since the stage began, evaluations included
    UPDATES_PER_SECOND = "updates_per_second"  # of pretrain, evaluations not counted
    UPDATES = "updates"  # gradient steps so far, offline and online
    SUCCESS_RATE = "evaluation/success_rate"  # of a periodic evaluation
    SUCCESS_LOW = "evaluation/success_low"
    SUCCESS_HIGH = "evaluation/success_high"
    MEAN_RETURN = "evaluation/mean_return"
    MEAN_LENGTH = "evaluation/mean_length"
    EPISODES = "evaluation/episodes"
    ACTION_ERROR = "held_out/action_error"  # mean |policy's - demonstrator's|, without rollouts
    HELD_OUT_Q = "held_out/q"  # mean Q of held-out demonstrations
    HELD_OUT_RETURN = "held_out/return_to_go"  # their mean discounted return
    Q_ERROR = "held_out/q_error"  # mean |Q - return-to-go| of theirs
    ONLINE_SUCCESS = "online/success"  # of one online episode: 1 or 0
    ONLINE_RETURN = "online/return"
    ONLINE_LENGTH = "online/length"
    ONLINE_REGRET = "online/regret"  # mean failure of the online episodes so far


_SHARES = {
    Column.SUCCESS_RATE, Column.SUCCESS_LOW, Column.SUCCESS_HIGH, Column.ONLINE_SUCCESS,
    Column.ONLINE_REGRET,
}  # fmt: skip


class Curve(NamedTuple):
    """One metric over the steps of a stage: float64 [N] each, without gaps."""

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class MetricsTable:
    """What metrics.csv holds: name -> float64 [rows], NaN where a row has no value."""

    columns: dict[str, np.ndarray]

    @classmethod
    def load(cls, path: Path) -> "MetricsTable":
        """Raises ValueError, or csv.Error, for a file that is empty or damaged."""
        whole = path.read_text()
        whole = whole[: whole.rfind("\n") + 1]  # a line without its end is being written
        header, *rows = csv.reader(whole.splitlines()) if whole else [[]]
        if Column.STEP not in header or not rows:
            raise ValueError("it has no rows")
        for line, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise ValueError(f"line {line} has {len(row)} cells, the header {len(header)}")
        if len(set(header)) < len(header):
            raise ValueError("two of its columns have the same name")
        numbers = np.array([[float(cell or "nan") for cell in row] for row in rows])
        table = cls(dict(zip(header, numbers.T, strict=True)))
        if not (np.diff(table.columns[Column.STEP], prepend=0) >= 0).all():
            raise ValueError("its steps are missing or go backwards")
        for name in _SHARES & set(header):
            if not np.all((values := table.curve(name).values) >= 0) or not np.all(values <= 1):
                raise ValueError(f"{name} leaves the range from 0 to 1")
        return table

    def curve(self, name: str) -> Curve:
        """The rows that have a value for `name`; empty where there are none."""
        if name not in self.columns:
            return Curve(np.empty(0), np.empty(0))
        known = ~np.isnan(self.columns[name])
        return Curve(self.columns[Column.STEP][known], self.columns[name][known])

    @property
    def last_step(self) -> float:
        return float(self.columns[Column.STEP][-1])


class MetricsFile:
    """Writes metrics.csv; the file is complete after every row.

    Columns appear with the first row that has them: the file is then written anew, with empty
    cells above.
    """

    def __init__(self, path: Path, keep: int = 0):
        """Goes on after the first `keep` rows of the file, as if none had ever followed.

        Raises ValueError where it has fewer.
        """
        self.path = path
        self._rows: list[dict[str, Any]] = []
        self._columns: list[str] = []
        if keep:
            self._rows = _first_rows(path, keep)
            self._columns = list(dict.fromkeys(name for row in self._rows for name in row))
            self._rewrite()

    def append(self, step: int, row: dict[str, float]) -> None:
        """One row, of gradient or environment step `step`."""
        self._rows.append({Column.STEP: step, **row})
        new = [name for name in self._rows[-1] if name not in self._columns]
        self._columns += new
        if new:
            self._rewrite()
            return
        whole = self.path.stat().st_size
        with said_when_full(self.path, f"the rows before that of step {step} are kept"):
            try:
                with self.path.open("a", newline="") as file:
                    csv.DictWriter(file, self._columns).writerow(self._rows[-1])
            except OSError:
                os.truncate(self.path, whole)
                raise

    def column(self, name: str) -> list[float]:
        """The values of the rows that have one for `name`."""
        return [float(row[name]) for row in self._rows if name in row]

    def _rewrite(self) -> None:
        with whole_file(self.path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(self._rows)


def _first_rows(path: Path, count: int) -> list[dict[str, Any]]:
    """As text, so that they are written again as they were; empty cells are left out."""
    with path.open(newline="") as file:
        rows = list(islice(csv.DictReader(file), count))
    if len(rows) < count:
        raise ValueError(f"{path} has lost rows; overwrite=true starts the run anew")
    return [{name: cell for name, cell in row.items() if cell} for row in rows]
