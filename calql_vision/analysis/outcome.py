"""What came of one run, in numbers."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from calql_vision.analysis.dip import WINDOW, Dip
from calql_vision.runs.evaluation import Evaluation
from calql_vision.runs.intervals import wilson_interval
from calql_vision.runs.metrics import Column, Curve
from calql_vision.runs.record import Run


@dataclass(frozen=True)
class SuccessCount:
    """How many of so many episodes succeeded."""

    successes: int
    episodes: int

    @classmethod
    def of(cls, evaluation: Evaluation) -> "SuccessCount":
        return cls(int(evaluation.successes.sum()), evaluation.episodes)

    @property
    def rate(self) -> float:
        return self.successes / self.episodes

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        return wilson_interval(self.successes, self.episodes)

    @classmethod
    def pooled(cls, counts: Iterable["SuccessCount | None"]) -> "SuccessCount | None":
        """All episodes together; None where nothing was evaluated."""
        known = [count for count in counts if count is not None]
        if not known:
            return None
        return cls(sum(c.successes for c in known), sum(c.episodes for c in known))


def offline_success(run: Run) -> SuccessCount | None:
    """After pre-training: of `evaluate stage=pretrain`, else the last periodic evaluation."""
    if "pretrain" in run.evaluations:
        return SuccessCount.of(run.evaluations["pretrain"].evaluation)
    return _periodic(run, "pretrain", -1) or _periodic(run, "finetune", 0)


def _periodic(run: Run, stage: str, row: int) -> SuccessCount | None:
    rates = run.curve(stage, Column.SUCCESS_RATE).values
    episodes = run.curve(stage, Column.EPISODES).values
    if not len(rates) or len(rates) != len(episodes):
        return None
    return SuccessCount(round(rates[row] * episodes[row]), round(episodes[row]))


def final_success(run: Run) -> SuccessCount | None:
    """After fine-tuning, as the stage `evaluate` counted it."""
    found = run.evaluations.get("finetune")
    return SuccessCount.of(found.evaluation) if found else None


def selected_success(run: Run) -> SuccessCount | None:
    """Of the best checkpoint of fine-tuning, as the stage `evaluate` counted it."""
    found = run.selected.get("finetune")
    return SuccessCount.of(found.evaluation) if found else None


def action_error(run: Run) -> float | None:
    """Mean |policy's - demonstrator's| on held-out demonstrations, where nothing was rolled out."""
    return _last(run, Column.ACTION_ERROR)


def q_error(run: Run) -> float | None:
    """Mean |Q - return-to-go| on the same demonstrations."""
    return _last(run, Column.Q_ERROR)


def _last(run: Run, column: Column) -> float | None:
    values = run.curve("pretrain", column).values
    return float(values[-1]) if len(values) else None


def regret(run: Run) -> float | None:
    """Cumulative regret: mean over online episodes of 1 - success."""
    values = regret_curve(run).values
    return float(values[-1]) if len(values) else None


def regret_curve(run: Run) -> Curve:
    """Regret so far, after every online episode, over environment steps."""
    steps, success = run.curve("finetune", Column.ONLINE_SUCCESS)
    return Curve(steps, np.cumsum(1 - success) / np.arange(1, len(success) + 1))


def dip(run: Run) -> Dip | None:
    """What going online cost at first; None where there are too few online episodes."""
    successes = run.curve("finetune", Column.ONLINE_SUCCESS).values
    if len(successes) < WINDOW:
        return None
    before = offline_success(run)
    return Dip.of(successes, before.rate if before else None)


def wall_seconds(run: Run) -> float | None:
    """Of the training stages, evaluations included; None where one does not tell."""
    records = [record for record in run.training.values() if record.metrics]
    curves = [record.curve(Column.WALL_SECONDS).values for record in records]
    known = [values[-1] for values in curves if len(values)]
    return float(sum(known)) if known and len(known) == len(curves) else None


def env_steps(run: Run) -> int | None:
    return _whole(run.training["finetune"].last_step)


def updates(run: Run) -> int | None:
    """Gradient updates, offline and online."""
    online = run.curve("finetune", Column.UPDATES).values
    return int(online[-1]) if len(online) else _whole(run.training["pretrain"].last_step)


def _whole(steps: float | None) -> int | None:
    return None if steps is None else int(steps)


def updates_per_second(run: Run) -> float | None:
    """Of pre-training, evaluations not counted."""
    return _last(run, Column.UPDATES_PER_SECOND)
