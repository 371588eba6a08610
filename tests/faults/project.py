"""A small project of real files: demonstrations, a run of every stage and its reports."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from calql_vision import cli
from tests.faults.outcome import RefusedError

TASK = "tabletop/reach"
SIZES = ("task=reach", "scale=smoke", "task.image_size=8", "task.horizon=6")
LEARNER = ("encoder.features=4", "algo.hidden=[8]", "algo.batch_size=4", "threads=1",
           "scale.updates=2", "scale.log_every=1", "scale.online_steps=6", "scale.evaluations=1",
           "scale.validation_episodes=1", "algo.online.warmup_steps=0")  # fmt: skip
#: What makes each stage quick; of a stage that reads, after those before it.
WORDS: dict[str, tuple[str, ...]] = {
    "collect": (*SIZES, "scale.episodes=2", "noise=0.3"),
    "inspect": ("task=reach",),
    "pretrain": (*SIZES, *LEARNER),
    "finetune": (*SIZES, *LEARNER),
    "evaluate": ("task=reach", "episodes=1", "videos=1"),
    "diagnose": ("task=reach", "episodes=1", "samples=2", "filter_key=null"),
    "report": ("task=reach",),
    "compare": (f"tasks=[{TASK}]",),
}


def call(stage: str, *words: str) -> None:
    """As the command line does it, in this process; what it raises comes back as it is."""
    environment = mock.patch.dict(os.environ, HYDRA_FULL_ERROR="1")
    arguments = mock.patch.object(sys, "argv", ["calql-vision", stage, *words])
    with environment, arguments, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            cli.main()
        except SystemExit as ended:
            if isinstance(ended.code, str):
                raise RefusedError(ended.code.removeprefix("error: ")) from ended
            if ended.code:
                raise


@contextmanager
def project(*stages: str) -> Iterator[Path]:
    """A folder, which is the working directory, with what these stages leave."""
    before = Path.cwd()
    with TemporaryDirectory(prefix="faults-") as folder:
        os.chdir(folder)
        try:
            for stage in stages:
                call(stage, *WORDS[stage])
            yield Path(folder)
        finally:
            os.chdir(before)
