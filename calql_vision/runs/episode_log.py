"""episodes.log: the online experience of a run that is under way, one episode after another.

A record is its length and its CRC-32 (two uint64), then six arrays as numpy writes them: proprio,
actions, rewards, success, returns-to-go and, last, the images, so that they end where it ends.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calql_vision.datasets.disk_space import said_when_full
from calql_vision.datasets.frames import FramesOnDisk

if TYPE_CHECKING:  # it brings torch, which reading runs does without
    from calql_vision.types import Episode

KEPT = "the run goes on from its last state"
_HEADER = struct.Struct("<QQ")


@dataclass(frozen=True)
class LoggedEpisode:
    """An episode and its returns-to-go [T], which may rest on the weights that it arrived at."""

    episode: Episode
    returns_to_go: np.ndarray


class EpisodeLog:
    """Written at its end, read from its beginning."""

    def __init__(self, path: Path, keep: int = 0):
        """Opens the log; what lies beyond the first `keep` bytes is dropped."""
        self.path = path
        self._file = path.open("r+b" if keep else "w+b")
        self._file.truncate(keep)
        self._file.seek(keep)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._file.tell()

    def append(self, logged: LoggedEpisode) -> FramesOnDisk:
        """Write one episode; returns its images as they lie in the file."""
        episode, payload = logged.episode, BytesIO()
        for array in (
            episode.proprio, episode.actions, episode.rewards, np.array(episode.success),
            logged.returns_to_go, episode.images,
        ):  # fmt: skip
            np.save(payload, array, allow_pickle=False)
        content = payload.getbuffer()
        with said_when_full(self.path, KEPT):
            self._file.write(_HEADER.pack(len(content), zlib.crc32(content)))
            self._file.write(content)
            self._file.flush()
        return self._frames(episode.images.shape)

    def read(self) -> Iterator[tuple[LoggedEpisode, FramesOnDisk]]:
        """Every episode of the log, in order. Raises ValueError where the file is damaged."""
        end = self.size
        self._file.seek(0)
        while self.size < end:
            yield self._next()

    def _next(self) -> tuple[LoggedEpisode, FramesOnDisk]:
        from calql_vision.types import Episode

        header = self._file.read(_HEADER.size)
        length, checksum = _HEADER.unpack(header) if len(header) == _HEADER.size else (0, 0)
        content = self._file.read(length)
        if not length or len(content) != length or zlib.crc32(content) != checksum:
            raise ValueError(f"{self.path} is damaged; overwrite=true starts the run anew")
        payload = BytesIO(content)
        proprio, actions, rewards, success, returns_to_go, images = (
            np.load(payload, allow_pickle=False) for _ in range(6)
        )
        episode = Episode(images, proprio, actions, rewards, bool(success))
        return LoggedEpisode(episode, returns_to_go), self._frames(images.shape)

    def _frames(self, shape: tuple[int, ...]) -> FramesOnDisk:
        return FramesOnDisk(self._file, self.size - int(np.prod(shape)), shape)

    def close(self) -> None:
        with said_when_full(self.path, KEPT):
            self._file.close()
