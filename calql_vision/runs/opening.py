"""How a training stage opens its folder: who may write there, and what of it is replaced when."""

import shutil
from pathlib import Path

from calql_vision.runs.layout import (
    BEST,
    CHECKPOINT,
    CONFIG,
    EPISODES,
    FILM,
    LAUNCH,
    LIVE,
    METRICS,
    STATE,
    TENSORBOARD,
)
from calql_vision.runs.state import RunState

#: That a stage writes.
FILES = (CHECKPOINT, BEST, METRICS, EPISODES, CONFIG, LAUNCH, STATE, LIVE, FILM)


def interrupted_run(folder: Path, overwrite: bool) -> RunState | None:
    """Where the run in `folder` goes on; None where one begins, be it in the place of another.

    Raises ValueError for a finished run that nobody asked to replace.
    """
    if overwrite:
        return None
    if (folder / STATE).is_file():
        return RunState.load(folder / STATE)
    if (folder / CHECKPOINT).exists():
        raise ValueError(f"{folder} holds a finished run; set overwrite=true to replace it")
    return None


def remove_partial_files(folder: Path) -> None:
    """Those that killed processes have left; only who holds the folder's lock may do it."""
    for name in FILES:
        for path in folder.glob(f".{name}.*.partial"):
            path.unlink()


def remove_results(folder: Path) -> None:
    """What an older run has left, all but the state from which the new one goes on."""
    for name in (CHECKPOINT, BEST, METRICS, EPISODES, LIVE, FILM):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD, ignore_errors=True)
