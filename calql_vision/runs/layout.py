"""Where the files of a run lie."""

from pathlib import Path
from typing import Any


def run_folder(config: Any, stage: str) -> Path:
    """runs/<task>/<algo's label>/seed<seed>/<stage>."""
    return Path("runs") / config.task.label / config.algo.label / f"seed{config.seed}" / stage
