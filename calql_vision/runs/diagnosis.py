"""What the stage `diagnose` found out about a run: written there, read by the report."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from calql_vision.datasets.whole_file import whole_file
from calql_vision.runs.intervals import Interval, mean_interval

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
class Diagnosis:
    """One run: how it was examined, and its checkpoints by training stage."""

    facts: dict[str, Any]  # plain values; "skipped" is a sentence where nothing could be measured
    checkpoints: dict[str, CheckpointDiagnosis] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """calibration.npz, then diagnosis.json, each whole or not at all."""
        with whole_file(folder / ARRAYS) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **self._arrays())
        with whole_file(folder / JSON) as partial:
            partial.write_text(json.dumps(self.to_dict(), indent=2) + "\n")

    def _arrays(self) -> dict[str, np.ndarray]:
        """<stage>_<source>_<name> -> [M]."""
        return {
            f"{stage}_{source}_{name}": values
            for stage, found in self.checkpoints.items()
            for source in _SOURCES
            for name, values in vars(getattr(found, source)).items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Facts, means and the values of every start state, for JSON."""
        stages = {stage: _plain(found) for stage, found in self.checkpoints.items()}
        return self.facts | {"checkpoints": stages}

    @property
    def skipped(self) -> str | None:
        """Why nothing could be measured."""
        return self.facts.get("skipped")

    def __str__(self) -> str:
        return self.skipped or "\n".join(
            f"{stage:<9}{_sentence(found)}" for stage, found in self.checkpoints.items()
        )

    @classmethod
    def load(cls, path: Path) -> "Diagnosis":
        """Of a diagnosis.json and the file beside it. ValueError or KeyError if damaged."""
        content = json.loads(path.read_text())
        stages = content.pop("checkpoints")
        try:
            with np.load(path.with_name(ARRAYS)) as arrays:
                found = {stage: _examined(stage, stages[stage], arrays) for stage in stages}
        except (OSError, EOFError, BadZipFile) as error:
            raise ValueError(f"{ARRAYS} beside it cannot be read") from error
        return cls(content, found)


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
    start = StartValues(**{name: np.array(v) for name, v in plain["start_states"].items()})
    names = Pairs.__dataclass_fields__
    sources = [Pairs(**{n: arrays[f"{stage}_{s}_{n}"] for n in names}) for s in _SOURCES]
    return CheckpointDiagnosis(start, *sources)
