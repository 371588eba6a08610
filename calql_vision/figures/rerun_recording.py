"""Demonstrations for the viewer of rerun (https://rerun.io): everything on one time line."""

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from calql_vision.datasets.whole_file import whole_file
from calql_vision.types import EnvSpec, Episode

_QUALITY = 95  # of JPEG
_MAGIC = b"RRF"  # with which recordings begin


class RerunRecording:
    """An .rrd file, whole or not at all. One episode follows another on the time line `step`.

    Raises RuntimeError where rerun is not installed.
    """

    def __init__(self, path: Path, spec: EnvSpec):
        self._rerun, self._spec, self._step = _rerun(), spec, 0
        self._stream = self._rerun.RecordingStream(f"calql-vision {spec.name}")
        self._whole = whole_file(path)
        self._stream.save(self._whole.__enter__())
        self._stream.send_blueprint(_layout(spec))

    def __enter__(self) -> "RerunRecording":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.flush()
        self._stream.disconnect()
        self._whole.__exit__(kind, error, trace)

    def add(self, name: str, episode: Episode, values: dict[str, np.ndarray]) -> None:
        """An episode of T actions; `values` are curves [T] besides its actions and rewards."""
        curves = {f"value/{key}": curve for key, curve in values.items()}
        curves |= {f"action/{n}": column for n, column in enumerate(episode.actions.T)}
        curves["reward"] = episode.rewards
        outcome = "success" if episode.success else "failure"
        self._set_time()
        self._log("episode", self._rerun.TextLog(f"{name}, {len(episode)} steps, {outcome}"))
        for number in range(len(episode)):
            self._set_time()
            for camera, image in zip(self._spec.cameras, episode.images[number], strict=True):
                picture = self._rerun.Image(image).compress(jpeg_quality=_QUALITY)
                self._log(f"camera/{camera}", picture)
            for key, curve in curves.items():
                self._log(key, self._rerun.Scalars(float(curve[number])))
            self._step += 1

    def _set_time(self) -> None:
        self._stream.set_time("step", sequence=self._step)
        self._stream.set_time("time", duration=self._step / self._spec.control_hz)

    def _log(self, place: str, what: Any) -> None:
        self._stream.log(place, what)


def check_recording(path: Path) -> None:
    """ValueError for a name that the viewer would not open, or a file of another kind."""
    if path.suffix != ".rrd":
        raise ValueError(f"rerun={path}: the viewer opens names that end in .rrd")
    if path.exists() and not path.read_bytes().startswith(_MAGIC):
        raise ValueError(f"rerun={path}: there is a file which is no recording; name another")
    _rerun()


def _rerun() -> Any:
    try:
        import rerun
    except ImportError as error:
        raise RuntimeError(
            "rerun is not installed; pip install 'calql-vision[rerun]' or leave rerun=null"
        ) from error
    return rerun


def _layout(spec: EnvSpec) -> Any:
    """Cameras at the left, curves at the right."""
    from rerun import blueprint as view

    cameras = [view.Spatial2DView(origin=f"camera/{name}", name=name) for name in spec.cameras]
    curves = [view.TimeSeriesView(origin=name, name=name) for name in ("value", "action", "reward")]
    log = view.TextLogView(origin="episode", name="episode")
    return view.Blueprint(view.Horizontal(view.Vertical(*cameras), view.Vertical(*curves, log)))
