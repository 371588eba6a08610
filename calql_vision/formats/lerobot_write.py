"""Episodes into a LeRobot dataset; see `calql_vision.formats.lerobot`."""

import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np

from calql_vision.datasets.env_args import dump_env_args
from calql_vision.datasets.hdf5_layout import DatasetError
from calql_vision.datasets.whole_file import whole_folder
from calql_vision.formats.lerobot import (
    CAMERA,
    DATA,
    ENV_ARGS,
    EPISODES,
    INFO,
    STATS,
    TASKS,
    VERSION,
    VIDEO,
    feature_statistics,
    frame_columns,
    frame_features,
    parquet,
    statistics_over_all,
)
from calql_vision.formats.mp4 import SEEKABLE, Mp4Writer
from calql_vision.types import EnvSpec, Episode

CHUNK = 1000  # files in a folder
DATA_MEGABYTES, VIDEO_MEGABYTES = 100, 200  # LeRobot's bounds on the size of a file
#: Bytes of images before they are packed, as PNG and as film, that stay well within them.
PNG_BYTES, FILM_BYTES = 100 * 1024**2, 4 * 1024**3


class LeRobotWriter:
    """Streams episodes to the folder `path`, which appears whole or not at all.

    The frames of an episode are its T observations with an action; the last observation is not
    stored. Images go into MP4 (H.264, small and not exact) or, `lossless`, as PNG into the
    tables. `instruction` is the task in words; versions (name -> version) goes into env_version.
    Raises DatasetError if there was no episode, and for a frequency that LeRobot cannot say.
    """

    def __init__(
        self,
        path: str | Path,
        spec: EnvSpec,
        *,
        versions: dict[str, str],
        instruction: str,
        lossless: bool = False,
    ):
        if spec.control_hz < 1 or spec.control_hz != int(spec.control_hz):
            raise DatasetError(
                f"{path}: LeRobot counts whole frames per second, the data says "
                f"{spec.control_hz:g}; set control_hz"
            )
        self._path, self._spec, self._versions = Path(path), spec, versions
        self._instruction, self._lossless = instruction, lossless
        self._fps = int(spec.control_hz)
        self._features = frame_features(spec, self._fps, lossless)
        self._rows: list[dict[str, Any]] = []  # of meta/episodes
        self._statistics: list[dict[str, dict[str, Any]]] = []
        self._file = 0  # number of the files that are being written
        self._table: Any = None  # pyarrow's ParquetWriter
        self._films: list[Mp4Writer] = []
        self._filmed = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._root = stack.enter_context(whole_folder(self._path))
            stack.push(self._finish)
            stack.callback(self._close)
            self._exits = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._exits.__exit__(*error)

    def append(self, episode: Episode) -> None:
        """Store one episode as the next."""
        self._next_file()
        steps, first = len(episode), self._total()
        columns = frame_columns(episode, len(self._rows), first, self._fps)
        images = {
            f"{CAMERA}{camera}": episode.images[:-1, view]
            for view, camera in enumerate(self._spec.cameras)
        }
        self._write_rows(columns, images if self._lossless else {})
        for film, frames in zip(self._films, images.values(), strict=False):
            film.append(frames)
        facts = feature_statistics(columns, images)
        self._statistics.append(facts)
        self._rows.append(
            {
                "episode_index": len(self._rows),
                "tasks": [self._instruction],
                "length": steps,
                **{f"data/{key}": number for key, number in self._place().items()},
                "dataset_from_index": first,
                "dataset_to_index": first + steps,
                **self._film_places(steps),
                **{f"stats/{k}/{n}": v for k, fact in facts.items() for n, v in fact.items()},
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        self._filmed += steps

    def _total(self) -> int:
        return sum(row["length"] for row in self._rows)

    def _place(self) -> dict[str, int]:
        return {"chunk_index": self._file // CHUNK, "file_index": self._file % CHUNK}

    def _film_places(self, steps: int) -> dict[str, Any]:
        """Where an episode that begins after `_filmed` frames lies in the present files."""
        begin, end = self._filmed / self._fps, (self._filmed + steps) / self._fps
        place = self._place() | {"from_timestamp": begin, "to_timestamp": end}
        cameras = [] if self._lossless else self._spec.cameras
        return {f"videos/{CAMERA}{c}/{key}": value for c in cameras for key, value in place.items()}

    # Files ------------------------------------------------------------------------------------

    def _next_file(self) -> None:
        """Begin the first files, or the next ones when the present ones are full."""
        if self._table is not None:
            height, width = self._spec.image_size
            views = len(self._spec.cameras) if self._lossless else 1
            raw = self._filmed * height * width * 3 * views
            if raw < (PNG_BYTES if self._lossless else FILM_BYTES):
                return
            self._close()
            self._file += 1
        if not self._lossless:
            self._films = [
                Mp4Writer(
                    self._root / VIDEO.format(video_key=f"{CAMERA}{camera}", **self._place()),
                    self._spec.image_size,
                    self._fps,
                    SEEKABLE,
                )
                for camera in self._spec.cameras
            ]

    def _write_rows(self, columns: dict[str, np.ndarray], images: dict[str, np.ndarray]) -> None:
        import pyarrow

        table = pyarrow.table(
            {key: _arrow(array) for key, array in columns.items()}
            | {key: [_png(frame) for frame in frames] for key, frames in images.items()}
        )
        if self._table is None:
            path = self._root / DATA.format(**self._place())
            path.parent.mkdir(parents=True, exist_ok=True)
            self._table = parquet(self._path).ParquetWriter(path, table.schema)
        self._table.write_table(table)

    def _close(self) -> None:
        """Finish the present files."""
        for film in self._films:
            film.close()
        if self._table is not None:
            self._table.close()
        self._table, self._films, self._filmed = None, [], 0

    def _finish(self, kind: type[BaseException] | None, *error: Any) -> None:
        if kind is not None:
            return
        if not self._rows:
            raise DatasetError(f"{self._path}: no episode was appended, so no dataset is written")
        self._write_json(INFO, self._info())
        self._write_json(STATS, statistics_over_all(self._statistics))
        self._write_json(ENV_ARGS, json.loads(dump_env_args(self._spec, self._versions)))
        self._write_tables()

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": VERSION,
            "robot_type": None,
            "total_episodes": len(self._rows),
            "total_frames": self._total(),
            "total_tasks": 1,
            "chunks_size": CHUNK,
            "data_files_size_in_mb": DATA_MEGABYTES,
            "video_files_size_in_mb": VIDEO_MEGABYTES,
            "fps": self._fps,
            "splits": {"train": f"0:{len(self._rows)}"},
            "data_path": DATA,
            "video_path": None if self._lossless else VIDEO,
            "features": self._features,
        }

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=4))

    def _write_tables(self) -> None:
        import pyarrow

        path = self._root / EPISODES.format(chunk_index=0, file_index=0)
        path.parent.mkdir(parents=True)
        parquet(path).write_table(pyarrow.Table.from_pylist(self._rows), path)
        tasks = pyarrow.table({"task_index": [0], _INDEX: [self._instruction]})
        tasks = tasks.replace_schema_metadata({"pandas": json.dumps(_PANDAS)})
        parquet(path).write_table(tasks, self._root / TASKS)


#: LeRobot reads the tasks with pandas and finds their words in the index.
_INDEX = "task"
_PANDAS = {
    "index_columns": [_INDEX],
    "column_indexes": [],
    "columns": [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kind,
            "numpy_type": numpy_type,
            "metadata": None,
        }
        for name, kind, numpy_type in (
            ("task_index", "int64", "int64"),
            (_INDEX, "unicode", "object"),
        )
    ],
}


def _arrow(array: np.ndarray) -> Any:
    """A column; vectors of one number are stored as numbers."""
    import pyarrow

    flat = pyarrow.array(array.reshape(-1))
    if array.ndim == 1 or array.shape[1] == 1:
        return flat
    return pyarrow.FixedSizeListArray.from_arrays(flat, array.shape[1])


def _png(frame: np.ndarray) -> dict[str, Any]:
    import imageio.v3 as imageio

    file = io.BytesIO()
    imageio.imwrite(file, frame, extension=".png")
    return {"bytes": file.getvalue(), "path": None}
