"""Episodes as a film: rendered again from their states, side by side."""

import math
from collections.abc import Sequence
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
    films = [_film(env, episode) for episode in episodes]
    length = max(len(film) for film in films)
    frames = [_grid([film[min(t, len(film) - 1)] for film in films]) for t in range(length)]
    frames += frames[-1:] * 8  # time to see the end
    fps = env.pixel_spec.control_hz * speed
    with whole_file(path) as partial, closing(Mp4Writer(partial, frames[0].shape[:2], fps)) as film:
        film.append(frames)


def _film(env: PixelEnv, episode: Episode) -> list[np.ndarray]:
    """Every state of an episode as a picture with a border that tells how it went."""
    assert episode.states is not None, "rollout keeps them"
    pictures = []
    for number, state in enumerate(episode.states):
        env.set_state(state)
        ended = number == len(episode)
        colour = (_SUCCESS if episode.success else _FAILURE) if ended else _RUNNING
        pictures.append(_framed(env.render(), colour))
    return pictures


def _framed(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    height, width, _ = picture.shape
    framed = np.empty((height + 2 * _BORDER, width + 2 * _BORDER, 3), dtype=np.uint8)
    framed[:] = colour
    framed[_BORDER:-_BORDER, _BORDER:-_BORDER] = picture
    return framed


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
