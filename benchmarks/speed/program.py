"""The program as a whole: seconds until a stage begins, the most memory that a training takes."""

import resource
import subprocess
import sys
from functools import partial

import numpy as np

from calql_vision.engine.learn import learn
from calql_vision.engine.timing import alternate
from speed.measurement import Measurement
from speed.updates import SETTINGS, agent_of, buffer_of, plain_of

TORCH = "import torch"
#: Refused at the door, so that a stage has been imported and its configuration composed.
STARTS = {
    "calql-vision --help": ("--help",),
    "calql-vision pretrain": ("pretrain", "seed=-1"),
    "calql-vision finetune": ("finetune", "seed=-1"),
    "calql-vision evaluate": ("evaluate", "preflight=no"),
    "calql-vision inspect": ("inspect", "data=missing.hdf5"),
}
TRAININGS = ("torch alone", "ours", "plain re-statement")


def measure(brief: bool) -> list[Measurement]:
    works = {TORCH: partial(python, "-c", TORCH)}
    works |= {name: partial(python, "-m", "calql_vision", *words) for name, words in STARTS.items()}
    seconds = alternate(works, 1 if brief else 3)
    memory = {name: [peak(name) for _ in range(1 if brief else 3)] for name in TRAININGS}
    return [
        Measurement("Seconds until a stage begins", "s", TORCH, seconds),
        Measurement(
            "Most memory, 2000 transitions in the buffer, 20 updates of the default",
            "MB", "plain re-statement", memory,
        ),
    ]  # fmt: skip


def python(*words: str) -> None:
    """Whatever the exit code."""
    subprocess.run([sys.executable, *words], capture_output=True, check=False)


def peak(training: str) -> float:
    """Megabytes that a process of its own took at most."""
    code = f"from speed.program import train; train({training!r})"
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def train(training: str) -> None:
    setting, generator = SETTINGS["updates_default"], np.random.default_rng(0)
    if training == "ours":
        learn(agent_of(setting), buffer_of(setting.spec), 20, generator)
    elif training == "plain re-statement":
        plain_of(setting, setting.config()).learn(buffer_of(setting.spec), 20, generator)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
