"""A picture of a data set: a few episodes from left to right, every camera."""

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from calql_vision.datasets.names import printable
from calql_vision.datasets.whole_file import whole_file
from calql_vision.types import EnvSpec, Episode

FRAMES = 8  # of each episode, first and last among them
_MADE_BY = {"Software": "calql-vision"}
_CELL = 1.25  # side of a frame, inches


def is_sheet(path: Path) -> bool:
    """Whether a picture says that it was made here."""
    with path.open("rb") as file:
        return b"Software\0calql-vision" in file.read(1024)


class ContactSheet:
    """Of the episodes that are added the first `of_each` outcome; keeps their frames."""

    def __init__(self, spec: EnvSpec, of_each: int = 2):
        self._spec, self._of_each = spec, of_each
        self._kept: dict[bool, list[tuple[str, np.ndarray, np.ndarray]]] = {True: [], False: []}

    def add(self, name: str, episode: Episode) -> None:
        """Keep frames of the episode if there is still room for its outcome."""
        kept = self._kept[episode.success]
        if len(kept) < self._of_each:
            steps = np.linspace(0, len(episode), FRAMES).round().astype(int)
            kept.append((name, steps, episode.images[steps]))

    def save(self, path: Path) -> None:
        """Draw the sheet as a PNG, whole or not at all."""
        with whole_file(path) as partial:
            self.draw().savefig(partial, format="png", dpi=110, metadata=_MADE_BY)

    @rc_context({"text.parse_math": False})  # a `$` in a name would begin a formula
    def draw(self) -> Figure:
        """A row for every episode and camera."""
        rows = [
            (f"{name}\n{'success' if success else 'failure'}", camera, steps, images[:, view])
            for success, kept in self._kept.items()
            for name, steps, images in kept
            for view, camera in enumerate(self._spec.cameras)
        ]
        figure = Figure(
            figsize=(_CELL * (FRAMES + 1.2), (_CELL + 0.22) * len(rows) + 0.5), layout="constrained"
        )
        figure.suptitle(
            printable(f"{self._spec.name}, {self._spec.image_size[0]} x {self._spec.image_size[1]}")
        )
        axes = figure.subplots(len(rows), FRAMES, squeeze=False)
        for cells, (title, camera, steps, frames) in zip(axes, rows, strict=True):
            cells[0].set_ylabel(f"{title}\n{camera}", rotation=0, ha="right", va="center")
            for cell, step, frame in zip(cells, steps, frames, strict=True):
                cell.imshow(frame, interpolation="nearest")
                cell.set_title(f"step {step}", fontsize=8, pad=2)
                cell.set(xticks=[], yticks=[])
        return figure
