"""live.json: how far a training stage is, for whoever watches it; written anew with its rows."""

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from calql_vision.runs.layout import FILM, LIVE, LOCK, TRAINING_STAGES, RunFolder
from calql_vision.runs.versioned_json import load_json, save_json

FORMAT = 1


@dataclass(frozen=True)
class LiveState:
    """At the last row of metrics."""

    stage: str
    unit: str  # of steps: update or step
    step: int
    total: int
    seconds: float  # of the whole run, interruptions not counted
    warnings: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return self.step >= self.total

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None where there is none yet."""
        return self.seconds * (self.total / self.step - 1) if self.step else None

    def save(self, folder: Path) -> None:
        """Whole or not at all: a reader never finds half of it."""
        save_json(folder / LIVE, FORMAT, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "LiveState":
        """Raises ValueError or TypeError for what is no such file."""
        return cls(**load_json(path, known=(FORMAT,)))


@dataclass(frozen=True)
class LiveStage:
    """The stage of a run that writes, or was the last to write."""

    state: LiveState
    written: float  # when, in seconds since 1970
    held: bool  # whether a process has its folder, as far as can be told without asking for it
    film: bytes | None  # an animated GIF

    @classmethod
    def of(cls, run: RunFolder) -> "LiveStage | None":
        """None of runs that do not tell. Nothing is locked or touched, and what vanishes meanwhile
        is not there."""
        for folder in map(run.training, reversed(TRAINING_STAGES)):
            with suppress(FileNotFoundError):
                state, written = LiveState.load(folder / LIVE), (folder / LIVE).stat().st_mtime
                return cls(state, written, (folder / LOCK).exists(), _film(folder / FILM))
        return None


def _film(path: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return None
