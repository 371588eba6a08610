"""What a format of data is: how it is told from others, read and written."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from calql_vision.types import EnvSpec, Episode


class EpisodeWriter(Protocol):
    """Takes episodes one after the other."""

    def append(self, episode: Episode) -> None:
        """Store one episode as the next."""


@dataclass(frozen=True)
class WriteOptions:
    """What a format may be told when it writes; it heeds those that mean something to it."""

    versions: dict[str, str]  # of the software that made the data
    command: str | None  # the command line that makes the file, where there is one
    instruction: str  # the task in words
    lossless: bool = False  # images exactly, where they are compressed
    compression: str | None = None  # of arrays: None or gzip
    next_obs: bool = False  # every observation twice
    done_mode: int = 2  # robomimic's


@dataclass(frozen=True)
class Format:
    """A row of the table of formats.

    `open` makes a `PixelSource` of a path (episodes with images), or `Recordings` where it
    `has_states` (simulator states, to be rendered). `write` opens a path for episodes of an
    environment, in a block at whose end it appears whole or not at all; None: it is only read.
    """

    summary: str  # how a person recognises it
    recognise: Callable[[Path], bool]  # by a look at what exists
    open: Callable[[Path], Any]
    has_states: bool = False
    write: Callable[[Path, EnvSpec, WriteOptions], AbstractContextManager[EpisodeWriter]] | None = (
        None
    )
    ending: str = ""  # what the name of a result ends with, after the source's own and "_"
