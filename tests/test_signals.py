"""Ctrl-C and SIGTERM end a stage in one line, with their exit code, and keep what was reached."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from calql_vision.cli.signals import one_line

SIZES = ("scale=smoke", "task.image_size=16", "task.horizon=12", "encoder.features=8",
         "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1", "task.effort=1",
         "scale.updates=4000", "scale.log_every=1", "checkpoint_every=0")  # fmt: skip


def listen() -> None:
    """A shell starts what runs in its background, these tests perhaps, deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stopped(number: int, when: Callable[[str], bool], *words: str, folder: Path) -> tuple[int, str]:
    """Start pretrain in `folder` and send it a signal as soon as `when` holds of what it says.

    Returns exit code and all lines but those about imports.
    """
    command = [sys.executable, "-X", "importtime", "-m", "calql_vision", "pretrain", *words]
    environment, log = os.environ | {"OMP_NUM_THREADS": "1"}, folder.with_suffix(".log")
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, cwd=folder, env=environment, stderr=file, preexec_fn=listen
        ) as process,
    ):
        while not when(log.read_text()):
            assert process.poll() is None, log.read_text()
            sleep(0.02)
        process.send_signal(number)
    lines = log.read_text().splitlines()
    return process.returncode, "\n".join(line for line in lines if "import time" not in line)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_before_anything_is_under_way(number, tmp_path):
    code, said = stopped(number, lambda said: "numpy" in said, folder=tmp_path)
    assert (code, said) == (128 + number, "interrupted")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_midst_of_training(number, tmp_path, demonstrations):
    words = (*SIZES, f"data.path={demonstrations}", "output=here")
    folder = tmp_path / "here"
    begun = (folder / "metrics.csv").exists
    code, said = stopped(number, lambda said: begun(), *words, folder=tmp_path)
    assert code == 128 + number
    assert "interrupted; pretrain goes on at update " in said.splitlines()[-1]
    assert "Traceback" not in said
    names = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "launch.json", "metrics.csv", "state.pt"} <= names
    assert not [name for name in names if "partial" in name or name == "run.lock"]


DESTRUCTORS = {
    "raised where it is swallowed": """
class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
""",
    "raised in the midst of making it": """
class Thing:
    def __init__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
        self.made = True
    def __del__(self):
        self.made
""",
}


@pytest.mark.parametrize("thing", DESTRUCTORS.values(), ids=DESTRUCTORS)
def test_in_and_through_destructors(thing):
    work = f"""
import os, signal, time
from calql_vision.cli.signals import one_line
{thing}
with one_line():
    Thing()
    time.sleep(30)
"""
    run = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.strip()) == (143, "interrupted")


def made_another_error() -> None:
    """What code in C does that is interrupted in a callback of its own."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt as stop:
        raise SystemError("returned a result with an exception set") from stop


def test_an_interruption_that_comes_up_as_another_error_is_one_all_the_same(capsys):
    with pytest.raises(SystemExit) as ended, one_line():
        made_another_error()
    assert ended.value.code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_an_error_without_a_signal_is_an_error():
    with pytest.raises(SystemError, match="of its own"), one_line():
        raise SystemError("of its own")
