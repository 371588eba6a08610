"""How a stage was launched: the command as typed, the machine and the versions."""

import os
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from calql_vision.configs.plain_types import check_types
from calql_vision.runs.layout import LAUNCH
from calql_vision.runs.versioned_json import load_json, save_json

FORMAT = 1  # of launch.json, and of what a training stage writes beside it
PACKAGES = ("calql-vision", "torch", "mujoco", "robomimic", "numpy")
_typed: ContextVar[str | None] = ContextVar("typed", default=None)


@dataclass(frozen=True)
class Launch:
    """One start of one stage."""

    stage: str
    command: str | None  # None: from Python, not from a command line
    machine: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def now(cls, stage: str) -> "Launch":
        return cls(stage, _typed.get(), machine(), versions())

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Launch":
        """Raises TypeError or ValueError for what is no launch."""
        found = cls(**plain)
        check_types(found, "launch.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        save_json(folder / LAUNCH, FORMAT, self.to_dict())

    @classmethod
    def load(cls, path: Path) -> "Launch":
        return cls.from_dict(load_json(path, known=(FORMAT,)))


@contextmanager
def typed(stage: str, words: Sequence[str]) -> Iterator[None]:
    """What is launched in this block was typed as `calql-vision <stage> <words>`."""
    before = _typed.set(shlex.join(["calql-vision", stage, *words]))
    try:
        yield
    finally:
        _typed.reset(before)


def typed_command() -> str | None:
    """The command line of the stage that runs; None where there is none."""
    return _typed.get()


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def software_versions() -> dict[str, str]:
    """What goes into the env_version of a file of demonstrations."""
    return {name: version(name) for name in ("calql-vision", "mujoco")}


def machine() -> dict[str, str]:
    found = {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
    }
    torch = sys.modules.get("torch")  # not imported for this: who reads runs needs none
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def _processor() -> str:
    """The name that Linux gives its CPU; elsewhere what Python knows."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
