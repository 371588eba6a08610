"""diagnosis.json and calibration.npz: critics' values beside what came of them."""

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from calql_vision.configs.plain_types import check_types
from calql_vision.datasets.whole_file import whole_file
from calql_vision.runs.intervals import Interval, mean_interval
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import TRAINING_STAGES
from calql_vision.runs.versioned_json import load_json, save_json

FORMAT = 2  # 1 did not say how diagnose was launched
JSON, ARRAYS = "diagnosis.json", "calibration.npz"
#: What there is to know of a start state.
VALUES = ("optimum", "reached", "q_best", "q_policy", "miscalibration", "over_estimation", "regret")
_SOURCES = ("demonstrations", "rollouts")


@dataclass(frozen=True)
class StartValues:
    """Discounted values of the same N start states, float64 [N] each.

    The regret of a start state splits in two (Nakamoto et al., arXiv 2303.05479, section 4.2):
    V* - V^pi = (V* - max_a Q) + (max_a Q - V^pi), miscalibration and over-estimation.
    """

    optimum: np.ndarray  # V*(s0), of the best policy known
    reached: np.ndarray  # V^pi(s0), the return of the deterministic policy
    q_best: np.ndarray  # max_a Q(s0, a), by search
    q_policy: np.ndarray  # Q(s0, pi(s0))

    @property
    def miscalibration(self) -> np.ndarray:
        """Positive: the critic promises less than is possible."""
        return self.optimum - self.q_best

    @property
    def over_estimation(self) -> np.ndarray:
        """Positive: the critic promises more than its policy obtains."""
        return self.q_best - self.reached

    @property
    def regret(self) -> np.ndarray:
        """What the policy loses against the best one known; the sum of both."""
        return self.optimum - self.reached

    def mean(self, name: str) -> Interval:
        """Of a field or one of the three above, over the start states."""
        return mean_interval(getattr(self, name), np.random.default_rng(0))


@dataclass(frozen=True)
class Pairs:
    """Q(s, a) beside the return that followed, over M transitions."""

    q: np.ndarray  # float32 [M], the least of the critics
    q_policy: np.ndarray  # float32 [M], of the policy's own action in that state
    returns: np.ndarray  # float32 [M], discounted, of scaled and shifted rewards
    success: np.ndarray  # bool [M], of the whole episode

    @classmethod
    def joined(cls, parts: Sequence["Pairs"]) -> "Pairs":
        """All transitions of at least one part."""
        names = cls.__dataclass_fields__
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})

    @property
    def covered_share(self) -> float | None:
        """Share of states in successful episodes with Q(s, pi(s)) >= return; None without any.

        On demonstrations the return is V^mu's, and this is Cal-QL's own definition of calibrated
        (arXiv 2303.05479, definition 4.1) as a rate.
        """
        if not self.success.any():
            return None
        return float((self.q_policy >= self.returns)[self.success].mean())


@dataclass(frozen=True)
class CheckpointDiagnosis:
    """One checkpoint, examined."""

    start: StartValues
    demonstrations: Pairs
    rollouts: Pairs  # the episodes behind V^pi


@dataclass(frozen=True)
class Measurement:
    """What the checkpoints of a run were measured with."""

    task: str  # "family/task"
    method: str
    seed: int
    discount: float
    reward: dict[str, Any]  # RewardConfig
    episodes: int  # start states
    samples: int  # of the policy, and uniform ones, among which max_a Q was sought
    optimum: str  # whose value V* is, in words
    best_action: str  # how max_a Q was sought, in words
    data: str  # path of the demonstrations
    filter_key: str | None  # of those that were compared
    held_out: bool  # whether no checkpoint was trained on any of them


@dataclass(frozen=True)
class Diagnosis:
    """One run: how it was measured, and its checkpoints by training stage."""

    measurement: Measurement | None  # None where nothing could be measured:
    skipped: str | None = None  # a sentence that says why
    checkpoints: dict[str, CheckpointDiagnosis] = field(default_factory=dict)
    launch: Launch | None = None  # None: of format 1

    def save(self, folder: Path) -> None:
        """calibration.npz, then diagnosis.json, each whole or not at all."""
        with whole_file(folder / ARRAYS) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **self._arrays())
        launch = {"launch": self.launch.to_dict()} if self.launch else {}
        save_json(folder / JSON, FORMAT, self.to_dict() | launch)

    def _arrays(self) -> dict[str, np.ndarray]:
        """<stage>_<source>_<name> -> [M]."""
        return {
            f"{stage}_{source}_{name}": values
            for stage, found in self.checkpoints.items()
            for source in _SOURCES
            for name, values in vars(getattr(found, source)).items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The measurement, means and the values of every start state, for JSON."""
        facts = asdict(self.measurement) if self.measurement else {"skipped": self.skipped}
        return facts | {"checkpoints": {s: _plain(found) for s, found in self.checkpoints.items()}}

    def __str__(self) -> str:
        return self.skipped or "\n".join(
            f"{stage:<9}{_sentence(found)}" for stage, found in self.checkpoints.items()
        )

    @classmethod
    def load(cls, path: Path) -> "Diagnosis":
        """Of a diagnosis.json and the file beside it.

        Raises OtherFormatError; KeyError, TypeError or ValueError for damaged files.
        """
        content = load_json(path, known=(1, FORMAT))
        launch = Launch.from_dict(content.pop("launch")) if "launch" in content else None
        stages = content.pop("checkpoints")
        try:
            with np.load(path.with_name(ARRAYS)) as arrays:
                found = {stage: _examined(stage, stages[stage], arrays) for stage in stages}
        except (OSError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
            raise ValueError(f"{ARRAYS} beside it cannot be read") from error
        skipped = content.pop("skipped", None)
        measurement = None if skipped else Measurement(**content)
        if measurement:
            check_types(measurement)
        elif not isinstance(skipped, str):
            raise ValueError(f"skipped is {skipped!r}, no sentence")
        return cls(measurement, skipped, found, launch)


def _plain(found: CheckpointDiagnosis) -> dict[str, Any]:
    states = {name: values.tolist() for name, values in asdict(found.start).items()}
    return {
        "means": {name: found.start.mean(name)._asdict() for name in VALUES},
        "covered_share": found.demonstrations.covered_share,
        "states_of_successful_demonstrations": int(found.demonstrations.success.sum()),
        "start_states": states,
    }


def _sentence(found: CheckpointDiagnosis) -> str:
    means = {name: f"{found.start.mean(name).value:.2f}" for name in VALUES}
    share = found.demonstrations.covered_share
    covered = "" if share is None else f", Q(s, pi) >= V^mu in {share:.0%} of the states"
    return (
        f"V* {means['optimum']} - V^pi {means['reached']} = regret {means['regret']} = "
        f"miscalibration {means['miscalibration']} + over-estimation {means['over_estimation']}"
        f"{covered}"
    )


def _examined(stage: str, plain: dict[str, Any], arrays: Any) -> CheckpointDiagnosis:
    if stage not in TRAINING_STAGES:
        raise ValueError(f"{stage!r} is none of {', '.join(TRAINING_STAGES)}")
    states = {name: np.array(v, dtype=np.float64) for name, v in plain["start_states"].items()}
    _check_columns(states)
    start, names = StartValues(**states), Pairs.__dataclass_fields__
    sources = []
    for source in _SOURCES:
        columns = {name: arrays[f"{stage}_{source}_{name}"] for name in names}
        _check_columns(columns)
        if columns["success"].dtype != bool:
            raise ValueError(f"the success of its {source} is no truth value")
        sources.append(Pairs(**columns))
    return CheckpointDiagnosis(start, *sources)


def _check_columns(columns: dict[str, np.ndarray]) -> None:
    """ValueError unless all are [N] with the same N, of finite numbers, and N is not 0."""
    shapes = {values.shape for values in columns.values()}
    if len(shapes) != 1 or any(len(shape) != 1 or shape[0] == 0 for shape in shapes):
        raise ValueError(f"{', '.join(columns)} are not as many numbers each")
    for name, values in columns.items():
        if values.dtype.kind not in "bfiu" or not np.isfinite(values).all():
            raise ValueError(f"its {name} are not finite numbers")
