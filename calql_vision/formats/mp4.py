"""MP4: written frame by frame, read episode by episode."""

import errno
import os
from collections.abc import Generator, Iterable, Sequence
from fractions import Fraction
from math import prod
from pathlib import Path
from signal import SIGXFSZ
from subprocess import PIPE, Popen
from typing import Any

import numpy as np

from calql_vision.datasets.claimed_size import check_memory
from calql_vision.datasets.hdf5_layout import DatasetError

CODEC = "h264"
#: As good as the eye can tell; every other frame is whole, so that frames are found fast.
SEEKABLE = ("-crf", "18", "-g", "2", "-bf", "0")
#: Whatever a file looks like: ffmpeg would follow a playlist to other files, and over the network.
AS_MP4 = ["-f", "mp4", "-protocol_whitelist", "file,pipe"]
Frames = Generator[np.ndarray, None, None]  # uint8 [H, W, 3] each


def pixel_format(size: Sequence[int]) -> str:
    """Colours at half the resolution, as everybody expects, unless a side is odd."""
    return "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"


class FrameReader:
    """Reads the videos of one camera of a LeRobot dataset from front to back.

    One MP4 holds the frames of many episodes, one after another; an episode's are found by time.
    """

    def __init__(self, root: Path, template: str, key: str, shape: Sequence[int], fps: float):
        """`shape` [H, W, 3] is what the dataset says of a frame."""
        self._root, self._template, self._key = root, template, key
        self._shape, self._fps = tuple(shape), fps
        self._path: Path | None = None
        self._stream: Frames | None = None
        self._next = 0  # number of the frame that the stream gives next

    def frames(self, episode: dict[str, Any]) -> np.ndarray:
        """uint8 [T, H, W, 3]"""
        place = {k: episode[f"videos/{self._key}/{k}"] for k in ("chunk_index", "file_index")}
        path = self._root / self._template.format(video_key=self._key, **place)
        length = episode["length"]
        check_memory(length * prod(self._shape), f"{path}: an episode of {length:,} frames")
        start = round(episode[f"videos/{self._key}/from_timestamp"] * self._fps)
        if path != self._path or start < self._next:
            self._open(path)
        while self._next < start:
            self._take()
        return np.stack([self._take() for _ in range(length)])

    def _open(self, path: Path) -> None:
        if not path.is_file():
            raise DatasetError(f"{path}: no such file; copy or download the dataset again")
        self.close()
        self._path, self._stream, self._next = path, _decoded(path, self._shape), 0

    def _take(self) -> np.ndarray:
        assert self._stream is not None, "opened by frames()"
        frame = next(self._stream, None)
        if frame is None:
            raise DatasetError(f"{self._path}: ends after {self._next} frames; copy it again")
        self._next += 1
        return frame

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _decoded(path: Path, shape: tuple[int, ...]) -> Frames:
    """Every frame of a file, once each whatever its time, uint8 [H, W, 3]."""
    import imageio_ffmpeg

    stream = imageio_ffmpeg.read_frames(
        str(path), input_params=AS_MP4, output_params=["-fps_mode", "passthrough"]
    )
    try:
        width, height = next(stream)["size"]
        if (height, width, 3) != shape:
            raise DatasetError(f"{path}: is {height} x {width} pixels, meta/info.json says {shape}")
        for frame in stream:
            yield np.frombuffer(frame, dtype=np.uint8).reshape(shape)
    except DatasetError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = [*str(error).strip().splitlines(), "no reason given"][-1]
        raise DatasetError(f"{path}: cannot be decoded ({reason}); copy it again") from error
    finally:
        stream.close()


class Mp4Writer:
    """Appends frames of one size to an H.264 video; `options` are ffmpeg's.

    Raises OSError where ffmpeg fails, with its reason.
    """

    def __init__(
        self, path: Path, size: Sequence[int], fps: float, options: Sequence[str] = ()
    ) -> None:
        import imageio_ffmpeg

        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = size
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        source += ["-r", str(Fraction(fps).limit_denominator()), "-i", "-"]
        coded = ["-an", "-vcodec", "libx264", "-pix_fmt", pixel_format(size), *options]
        target = ["-f", "mp4", str(path)]  # whatever the name of the file ends in
        program = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"]
        # A process group of its own: Ctrl-C is ours to handle.
        self._process = Popen(
            program + source + coded + target, stdin=PIPE, stderr=PIPE, process_group=0
        )
        self._path, self._closed = path, False

    def append(self, frames: Iterable[np.ndarray]) -> None:
        """uint8 [T, H, W, 3], or as many [H, W, 3]."""
        assert self._process.stdin is not None
        for frame in frames:
            try:
                self._process.stdin.write(np.ascontiguousarray(frame).data)
            except BrokenPipeError:
                self.close()  # which knows why

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        said = self._process.communicate()[1].decode(errors="replace").strip()
        if self._process.returncode:
            raise _failure(self._path, self._process.returncode, said)


def _failure(path: Path, code: int, said: str) -> OSError:
    """What ffmpeg meant; what it says of a full disk as the system would have said it."""
    for reason in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if os.strerror(reason) in said or (reason == errno.EFBIG and code == -SIGXFSZ):
            return OSError(reason, os.strerror(reason))
    last = said.splitlines()[-1] if said else f"exit code {code}"
    return OSError(f"{path} cannot be filmed: {last}")
