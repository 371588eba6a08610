"""What an agent lives through online: in a buffer, and in the log from which it comes back."""

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frames import FramesOnDisk
from calql_vision.runs.episode_log import EpisodeLog, LoggedEpisode
from calql_vision.types import Episode


class Experience:
    """Keeps the pixels of the first episodes in memory; those of later ones stay in the log."""

    def __init__(self, buffer: EpisodeBuffer, room: int | None = None):
        """`room`: for so many bytes of pixels; None: for all of them."""
        self.buffer, self.room = buffer, room
        self._unwritten: list[LoggedEpisode] = []

    def add(self, episode: Episode) -> None:
        """Into the buffer; `write` puts it into the log."""
        self._unwritten.append(LoggedEpisode(episode, self.buffer.append(episode)))

    def write(self, log: EpisodeLog) -> None:
        """What has been added since the last time, an episode at most."""
        for logged in self._unwritten:
            self._bound(log.append(logged))
        self._unwritten.clear()

    def forget_unwritten(self) -> None:
        """Where another process writes the log."""
        self._unwritten.clear()

    def restore(self, log: EpisodeLog) -> None:
        """Take in every episode of the log as it once arrived."""
        for logged, images in log.read():
            self.buffer.append(logged.episode, logged.returns_to_go)
            self._bound(images)

    def _bound(self, images: FramesOnDisk) -> None:
        """Where there is no room for the last episode's pixels they are let go."""
        if self.room is not None and self.buffer.pixel_bytes > self.room:
            self.buffer.leave_on_disk(images)
