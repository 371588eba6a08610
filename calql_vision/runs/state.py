"""state.pt: where an interrupted training stage goes on, at the end of a row of metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from calql_vision.configs.plain_types import check_types
from calql_vision.runs.differing_options import differing_options
from calql_vision.runs.tensor_file import load_tensors, save_tensors
from calql_vision.runs.versioned_json import OtherFormatError, check_format

if TYPE_CHECKING:
    import torch

FORMAT = 1


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0  # updates of pretrain, environment steps of finetune
    rows: int = 0  # of metrics.csv
    log_bytes: int = 0  # of episodes.log
    seconds: float = 0.0  # that the run has taken so far, in all its parts
    validation_seconds: float = 0.0  # those of periodic evaluations
    best: float | None = None  # success rate of best.pt; None: there is none


@dataclass(frozen=True)
class RunState:
    """Everything that the rest of the run depends on, as plain values and tensors."""

    checkpoint: dict[str, Any]  # content of a CheckpointFile: agent, stage and configuration
    progress: Progress
    batches: dict[str, Any]  # state of the generator that draws batches, as numpy says it
    draws: list[torch.Tensor]  # states of the agent's own generator, on every rank
    ahead: list[dict[str, Any]]  # episodes that were under way: their orders and weights
    inputs: dict[str, int]  # checksums of the demonstrations, and of the weights at the start
    circumstances: dict[str, str]  # what a repetition bit for bit needs besides: versions, threads
    format: int = FORMAT

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        save_tensors(path, content | {"progress": asdict(self.progress)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ValueError, in one sentence, for what is not a state of ours."""
        names = {f.name for f in fields(cls)}
        with said_when_damaged(path):
            content = load_tensors(path, names)
            check_format(path, content["format"], known=(FORMAT,))
            progress = Progress(**content["progress"])
            check_types(progress)
            _check_containers(content)
        return cls(**{name: content[name] for name in names} | {"progress": progress})

    def check(self, path: Path, stage: str, config: dict[str, Any], inputs: dict[str, int]) -> None:
        """ValueError where the run in `path` is another than the one that is asked for."""
        differing = differing_options(
            {"stage": self.checkpoint.get("stage"), **self.checkpoint["config"]},
            {"stage": stage, **config},
        )
        differing += [f"other {key}" for key in inputs if inputs[key] != self.inputs.get(key)]
        if differing:
            raise ValueError(
                f"{path} holds an interrupted run with {', '.join(differing)}; "
                "ask as then, or set overwrite=true to start anew"
            )

    def differing_circumstances(self, now: dict[str, str]) -> list[str]:
        """What keeps the rest of the run from being exactly that of an unbroken one."""
        return [
            f"{name} {now.get(name)} instead of {then}"
            for name, then in self.circumstances.items()
            if now.get(name) != then
        ]


_CONTAINERS = {
    "checkpoint": dict, "batches": dict, "draws": list, "ahead": list, "inputs": dict,
    "circumstances": dict,
}  # fmt: skip


def _check_containers(content: dict[str, Any]) -> None:
    """TypeError where a value is of another kind than it was saved as."""
    wrong = [name for name, kind in _CONTAINERS.items() if not isinstance(content[name], kind)]
    if wrong or not isinstance(content["checkpoint"].get("config"), dict):
        raise TypeError(f"{wrong} or the configuration is of another kind")


@contextmanager
def said_when_damaged(path: Path) -> Iterator[None]:
    """ValueError, with the remedy, for what a state that was changed by hand leads to."""
    try:
        yield
    except OtherFormatError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged; overwrite=true starts the run anew") from error
