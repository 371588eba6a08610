"""Where the rows of a training go: metrics.csv, TensorBoard and, if asked, Weights & Biases."""

from pathlib import Path
from typing import Any

import yaml

from calql_vision.datasets.disk_space import said_when_full
from calql_vision.datasets.whole_file import whole_file
from calql_vision.runs.layout import FILM, METRICS, TENSORBOARD
from calql_vision.runs.metrics import MetricsFile

KEPT = "metrics.csv has the same"  # if TensorBoard's files find no room


class MetricsLog:
    """Writes one row per `write`, a film per `show`, and the configuration once."""

    def __init__(
        self,
        folder: Path,
        wandb_project: str | None = None,
        keep: int = 0,
        step: int = 0,
        config: dict[str, Any] | None = None,
    ):
        """Goes on after the first `keep` rows, the last of which was of `step`."""
        # Imported here: TensorBoard takes a second to load, and only training needs it.
        from torch.utils.tensorboard import SummaryWriter

        self.file = MetricsFile(folder / METRICS, keep)
        purge = step + 1 if keep else None  # what an interrupted part has shown beyond
        self._shown, self._film = folder / TENSORBOARD, folder / FILM
        with said_when_full(self._shown, KEPT):
            self._board = SummaryWriter(str(self._shown), purge_step=purge)
            if config and not keep:
                self._board.add_text("config", f"```yaml\n{yaml.safe_dump(config)}```")
        self._wandb = _wandb_run(wandb_project, str(folder), config) if wandb_project else None

    def write(self, step: int, row: dict[str, float]) -> None:
        """Log `row` at gradient or environment step `step`."""
        self.file.append(step, row)
        with said_when_full(self._shown, KEPT):
            for name, value in row.items():
                self._board.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(row, step=step)

    def show(self, step: int, film: bytes) -> None:
        """An animated GIF of the last episodes."""
        # TensorBoard's own add_video wants another package, only to make a GIF of it.
        from tensorboard.compat.proto.summary_pb2 import Summary

        with whole_file(self._film) as partial:
            partial.write_bytes(film)
        image = Summary.Image(encoded_image_string=film)
        summary = Summary(value=[Summary.Value(tag="episodes", image=image)])
        writer: Any = self._board.file_writer
        with said_when_full(self._shown, KEPT):
            writer.add_summary(summary, step)
        if self._wandb is not None:
            from wandb import Video

            self._wandb.log({"episodes": Video(str(self._film), format="gif")}, step=step)

    def close(self) -> None:
        with said_when_full(self._shown, KEPT):
            self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def _wandb_run(project: str, name: str, config: dict[str, Any] | None) -> Any:
    try:
        import wandb
    except ImportError as error:
        raise RuntimeError(
            "wandb is not installed; pip install 'calql-vision[wandb]' or leave wandb=null"
        ) from error
    return wandb.init(project=project, name=name, config=config)
