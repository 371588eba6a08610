"""Whatever is written: a full disk is one sentence with the path, and what was there stays.

Files may not grow beyond a limit here, which is said as a full disk is, in a process of its own.
"""

import os
import resource
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from calql_vision.datasets.disk_space import DiskFullError, said_when_full
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.datasets.whole_file import whole_file
from calql_vision.formats.mp4 import Mp4Writer
from calql_vision.runs.metrics import MetricsFile, MetricsTable
from calql_vision.runs.tensor_file import save_tensors
from calql_vision.runs.versioned_json import save_json
from tests.faults.isolated import isolated

ROOM = 20_000  # bytes that a file may have


@pytest.fixture(scope="module")
def writers(small_spec, random_episode) -> dict[str, Callable[[Path], None]]:
    """Each writes more than there is room for."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)

    def demonstrations(path: Path, compression: str | None) -> None:
        with EpisodeWriter(path, small_spec, versions={}, compression=compression) as writer:
            for seed in range(30):
                writer.append(random_episode(small_spec, 30, success=True, seed=seed))

    def film(path: Path) -> None:
        with whole_file(path) as partial, closing(Mp4Writer(partial, (64, 64), 10)) as writer:
            writer.append(noise)

    return {
        "data": lambda path: demonstrations(path, None),
        "packed data": lambda path: demonstrations(path, "gzip"),
        "checkpoint": lambda path: save_tensors(path, {"weights": torch.zeros(10**5)}),
        "json": lambda path: save_json(path, 1, {"numbers": [0.5] * 10**5}),
        "film": film,
    }


def short_of_room(action: Callable[[], None]) -> str:
    """The sentence by which `action` ends where files may not be longer than `ROOM`."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
        action()

    found = isolated(limited)
    assert found.problem is None, found.problem
    return str(found.sentence)


@pytest.mark.parametrize("kind", ["data", "packed data", "checkpoint", "json", "film"])
def test_a_full_disk_is_one_sentence_and_costs_nothing_older(kind, writers, tmp_path):
    path = tmp_path / "result"
    said = short_of_room(lambda: writers[kind](path))
    assert said.startswith(f"{path} cannot be written (")
    assert "nothing of it is kept; make room, or choose another output" in said
    assert list(tmp_path.iterdir()) == []
    path.write_text("older")
    assert "the older one is kept" in short_of_room(lambda: writers[kind](path))
    assert [each.read_text() for each in tmp_path.iterdir()] == ["older"]


def test_metrics_lose_no_row_that_was_whole(tmp_path):
    path = tmp_path / "metrics.csv"

    def write() -> None:
        file = MetricsFile(path)
        for step in range(1, 10_000):
            file.append(step, {"td_loss": step / 7})

    said = short_of_room(write)
    steps = MetricsTable.load(path).curve("td_loss").steps
    assert f"the rows before that of step {len(steps) + 1} are kept" in said
    assert steps.tolist() == list(range(1, len(steps) + 1))


def test_other_errors_are_left_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), said_when_full(tmp_path):
        os.stat(tmp_path / "nothing")
    with pytest.raises(DiskFullError, match="kept; make room"), said_when_full(tmp_path / "a"):
        raise OSError(28, "No space left on device")
