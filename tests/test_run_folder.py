"""Laws of a run's folder: one writer, nothing destroyed before the new run works."""

import os
import signal
import subprocess
import sys

import pytest

from calql_vision.runs.folder_lock import folder_lock
from calql_vision.runs.layout import LOCK

HOLD = """
import sys, time
from pathlib import Path
from calql_vision.runs.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `run`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_with_the_firsts_process_number(holder, tmp_path):
    with (
        pytest.raises(ValueError, match=f"run: process {holder.pid} writes there"),
        folder_lock(tmp_path / "run"),
    ):
        pass
    assert holder.poll() is None


def test_the_lock_of_a_killed_process_is_no_lock(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run" / LOCK).read_text() == str(holder.pid)
    with folder_lock(tmp_path / "run"):
        assert (tmp_path / "run" / LOCK).read_text() == str(os.getpid())


def test_a_folder_that_stays_empty_is_removed_and_another_stays(tmp_path):
    with folder_lock(tmp_path / "new/run"):
        assert (tmp_path / "new/run").is_dir()
    (tmp_path / "old").mkdir()
    with folder_lock(tmp_path / "old"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"old"}
    assert list((tmp_path / "old").iterdir()) == []
