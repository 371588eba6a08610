"""Rows of numbers: metrics.csv, TensorBoard and, if asked, Weights & Biases."""

import csv
from pathlib import Path

from calql_vision.datasets.whole_file import whole_file


class MetricsLog:
    """Writes one row per `write`; the file is complete after every row.

    Columns appear with the first row that has them: the file is then written anew, with empty
    cells above.
    """

    def __init__(self, folder: Path, wandb_project: str | None = None, name: str = ""):
        # Imported here: TensorBoard takes a second to load, and only training needs it.
        from torch.utils.tensorboard import SummaryWriter

        self.path = folder / "metrics.csv"
        self._board = SummaryWriter(str(folder / "tensorboard"))
        self._wandb = _wandb_run(wandb_project, name) if wandb_project else None
        self._rows: list[dict[str, float]] = []
        self._columns: list[str] = []

    def write(self, step: int, row: dict[str, float]) -> None:
        """Log `row` at gradient or environment step `step`."""
        self._rows.append({"step": step, **row})
        new = [name for name in self._rows[-1] if name not in self._columns]
        self._columns += new
        if new:
            self._rewrite()
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self._columns).writerow(self._rows[-1])
        for name, value in row.items():
            self._board.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(row, step=step)

    def _rewrite(self) -> None:
        with whole_file(self.path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(self._rows)

    def close(self) -> None:
        self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def _wandb_run(project: str, name: str):
    try:
        import wandb
    except ImportError as error:
        raise RuntimeError(
            "wandb is not installed; pip install 'calql-vision[wandb]' or leave wandb=null"
        ) from error
    return wandb.init(project=project, name=name)
