"""Where the rows of a training go: metrics.csv, TensorBoard and, if asked, Weights & Biases."""

from pathlib import Path
from typing import Any

from calql_vision.runs.layout import METRICS, TENSORBOARD
from calql_vision.runs.metrics import MetricsFile


class MetricsLog:
    """Writes one row per `write`."""

    def __init__(
        self, folder: Path, wandb_project: str | None = None, keep: int = 0, step: int = 0
    ):
        """Goes on after the first `keep` rows, the last of which was of `step`."""
        # Imported here: TensorBoard takes a second to load, and only training needs it.
        from torch.utils.tensorboard import SummaryWriter

        self.file = MetricsFile(folder / METRICS, keep)
        purge = step + 1 if keep else None  # what an interrupted part has shown beyond
        self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=purge)
        self._wandb = _wandb_run(wandb_project, str(folder)) if wandb_project else None

    def write(self, step: int, row: dict[str, float]) -> None:
        """Log `row` at gradient or environment step `step`."""
        self.file.append(step, row)
        for name, value in row.items():
            self._board.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(row, step=step)

    def close(self) -> None:
        self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def _wandb_run(project: str, name: str) -> Any:
    try:
        import wandb
    except ImportError as error:
        raise RuntimeError(
            "wandb is not installed; pip install 'calql-vision[wandb]' or leave wandb=null"
        ) from error
    return wandb.init(project=project, name=name)
