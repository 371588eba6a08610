"""One horizontal axis for both training stages, with the switch in the middle."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from calql_vision.runs.record import TaskRuns

steps_text = EngFormatter(sep="")


@dataclass(frozen=True)
class StepAxis:
    """Gradient updates in [-1, 0], then environment steps in [0, 1]; 0 is the switch.

    A stage that no run has (its total is 0) takes no room.
    """

    updates: float
    env_steps: float

    @classmethod
    def of(cls, results: TaskRuns) -> "StepAxis":
        """As long as the longest run."""

        def longest(stage: str) -> float:
            return max((run.training[stage].last_step or 0.0 for run in results.runs), default=0.0)

        return cls(longest("pretrain"), longest("finetune"))

    def place(self, stage: str, steps: np.ndarray) -> np.ndarray:
        """Where steps [N] of a stage stand on the axis."""
        return steps / self.updates - 1 if stage == "pretrain" else steps / self.env_steps

    def dress(self, axis: Axes, ticks: int, sides: bool = False) -> None:
        """Limits, about `ticks` ticks on either side, the names of both halves, the switch.

        `sides` also writes offline and online above it.
        """
        if not (self.updates or self.env_steps):
            return
        axis.set_xlim(-1 if self.updates else 0, 1 if self.env_steps else 0)
        axis.set_xticks(*self._ticks(ticks))
        if self.updates:
            _name_half(axis, -0.5, "gradient updates")
        if self.env_steps:
            _name_half(axis, 0.5, "environment steps")
        if self.updates and self.env_steps:
            axis.axvline(0, color="#444444", linewidth=1, label="_switch")
        if self.updates and self.env_steps and sides:
            _name_side(axis, "offline ", "right")
            _name_side(axis, " online", "left")

    def _ticks(self, number: int) -> tuple[list[float], list[str]]:
        """Places and texts; the switch shows the end of one stage and the start of the other."""
        # Up to 0.75 of the updates only: the text at the switch is wide.
        offline = _round_steps(self.updates, number, reach=0.75)
        online = _round_steps(self.env_steps, number, reach=1.0)[1:]
        switch = [steps_text(self.updates)] * (self.updates > 0) + ["0"] * (self.env_steps > 0)
        places = [self.place("pretrain", offline), np.zeros(1), self.place("finetune", online)]
        texts = [*map(steps_text, offline), " | ".join(switch), *map(steps_text, online)]
        return list(np.concatenate(places)), texts


def _round_steps(total: float, ticks: int, reach: float) -> np.ndarray:
    """Round numbers from 0 to `reach` of the total; none where there is no such stage."""
    if total == 0:
        return np.empty(0)
    values = np.asarray(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(0, total))
    return values[(values >= 0) & (values <= reach * total)]


def _name_half(axis: Axes, x: float, text: str) -> None:
    axis.annotate(
        text,
        xy=(x, 0),
        xycoords=axis.get_xaxis_transform(),
        xytext=(0, -18),
        textcoords="offset points",
        ha="center",
        va="top",
    )


def _name_side(axis: Axes, text: str, align: str) -> None:
    where = axis.get_xaxis_transform()
    axis.text(0, 1.01, text, transform=where, ha=align, va="bottom", color="#444444")
