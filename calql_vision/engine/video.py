"""Episodes as a film: rendered again from their states, side by side."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from calql_vision.datasets.whole_file import whole_file
from calql_vision.formats.mp4 import Mp4Writer
from calql_vision.types import Episode, PixelEnv

_BORDER = 6  # pixels around every picture; green once the episode has succeeded, red if it failed
_RUNNING, _SUCCESS, _FAILURE = (205, 205, 205), (46, 160, 67), (207, 34, 46)


def write_video(path: Path, env: PixelEnv, episodes: Sequence[Episode], speed: float = 1.0) -> None:
    """An MP4 of `episodes` (with states) in a grid, at `speed` times real time.

    Short episodes hold their last picture until the longest has ended. Whole or not at all.
    """
    frames = side_by_side([framed(_rendered(env, e), e.success) for e in episodes])
    fps = env.pixel_spec.control_hz * speed
    with whole_file(path) as partial, closing(Mp4Writer(partial, frames[0].shape[:2], fps)) as film:
        film.append(frames)


def side_by_side(films: Sequence[list[np.ndarray]]) -> list[np.ndarray]:
    """Films of different lengths as one; a short one holds its last picture."""
    length = max(len(film) for film in films)
    frames = [_grid([film[min(t, len(film) - 1)] for film in films]) for t in range(length)]
    return frames + frames[-1:] * 8  # time to see the end


def _rendered(env: PixelEnv, episode: Episode) -> Iterator[np.ndarray]:
    """Every state of an episode as a picture."""
    assert episode.states is not None, "rollout keeps them"
    for state in episode.states:
        env.set_state(state)
        yield env.render()


def framed(pictures: Iterable[np.ndarray], success: bool) -> list[np.ndarray]:
    """With a border that tells at the end how it went."""
    *running, last = pictures
    outcome = _SUCCESS if success else _FAILURE
    return [*(_bordered(picture, _RUNNING) for picture in running), _bordered(last, outcome)]


def _bordered(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    height, width, _ = picture.shape
    bordered = np.empty((height + 2 * _BORDER, width + 2 * _BORDER, 3), dtype=np.uint8)
    bordered[:] = colour
    bordered[_BORDER:-_BORDER, _BORDER:-_BORDER] = picture
    return bordered


def _grid(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one size in rows, as square a grid as possible; white where none is left."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    height, width, _ = pictures[0].shape
    sheet = np.full((rows * height, columns * width, 3), 255, dtype=np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height, left : left + width] = picture
    return sheet[: sheet.shape[0] // 2 * 2, : sheet.shape[1] // 2 * 2]
