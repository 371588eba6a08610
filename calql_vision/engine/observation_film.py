"""What the agent saw in a few episodes, as an animated GIF: nothing is rendered for it."""

from collections.abc import Iterable, Iterator
from io import BytesIO

import imageio.v3 as iio
import numpy as np

from calql_vision.engine.video import framed, side_by_side
from calql_vision.types import Episode

EPISODES = 4
_SIDE = 96  # pixels of a view at least: smaller ones are enlarged by whole factors


class ObservationFilm:
    """The first episodes that come by."""

    def __init__(self) -> None:
        self._episodes: list[Episode] = []

    def watch(self, episodes: Iterable[Episode]) -> Iterator[Episode]:
        """The same episodes again."""
        for episode in episodes:
            if len(self._episodes) < EPISODES:
                self._episodes.append(episode)
            yield episode

    def gif(self, control_hz: float) -> bytes:
        """Side by side at real time; the border turns green at success and red at failure."""
        frames = side_by_side([framed(views(e), e.success) for e in self._episodes])
        memory = BytesIO()
        iio.imwrite(memory, np.stack(frames), extension=".gif", duration=1000 / control_hz, loop=0)
        return memory.getvalue()


def views(episode: Episode) -> np.ndarray:
    """All cameras side by side, uint8 [T+1, H, V * W, 3]."""
    factor = -(-_SIDE // episode.images.shape[2])
    wide = np.concatenate(episode.images.swapaxes(0, 1), axis=2)
    return wide.repeat(factor, axis=1).repeat(factor, axis=2)
