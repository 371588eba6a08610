"""Stages that are killed at random moments, and called again: they leave what an unbroken one does.

Every trial is a process of its own, forked from this one, which has imported everything: starting
Python anew would take longer than the stages do at these sizes.
"""

import csv
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from shutil import copytree
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from calql_vision import cli
from calql_vision.envs.rendering import load_mujoco
from calql_vision.runs.metrics import Column
from tests.faults.outcome import Row

SIZES = ("task=reach", "scale=smoke", "task.image_size=8", "task.horizon=6", "task.effort=1")
LEARNER = ("encoder.features=4", "algo.hidden=[8]", "algo.batch_size=4", "threads=1",
           "scale.updates=12", "scale.log_every=2", "scale.online_steps=36", "scale.evaluations=2",
           "scale.validation_episodes=1", "algo.online.warmup_steps=6",
           "checkpoint_every=0")  # fmt: skip
STATES = "data/tabletop/reach.hdf5"
#: The stages in the order in which each finds what it needs.
COMMANDS: dict[str, tuple[str, ...]] = {
    "collect": ("collect", *SIZES, "scale.episodes=3", "noise=0.3"),
    "convert": ("convert", f"source={STATES}", "output=data/larger.hdf5", "image_size=12"),
    "inspect": ("inspect", f"data={STATES}", "contact_sheet=sheet.png"),
    "pretrain": ("pretrain", *SIZES, *LEARNER),
    "finetune": ("finetune", *SIZES, *LEARNER),
    "evaluate": ("evaluate", "task=reach", "episodes=2", "videos=1"),
    "diagnose": ("diagnose", "task=reach", "episodes=1", "samples=2", "filter_key=null"),
    "report": ("report", "task=reach"),
    "compare": ("compare", "tasks=[tabletop/reach]"),
}
TURNS = ("finetune", "pretrain", *COMMANDS)  # the two that resume come twice
CLOCKS = {Column.WALL_SECONDS, Column.UPDATES_PER_SECOND}
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
AGAIN = 0.4  # chance of a further kill before the stage may finish
LOG = "log.txt"


@dataclass(frozen=True)
class Unbroken:
    """A stage that nobody disturbed."""

    before: Path  # folder with what it reads
    after: Path  # ... and with what it leaves
    seconds: float


def run(count: int, seed: int) -> list[Row]:
    """`count` kills, spread over all stages; a row for each."""
    import_everything()
    with TemporaryDirectory(prefix="kills-") as folder:
        turns = [TURNS[number % len(TURNS)] for number in range(count)]
        unbroken = undisturbed(Path(folder), max(map(list(COMMANDS).index, turns)))
        rows = {stage: Row(f"kills of {stage}") for stage in COMMANDS if stage in turns}
        for number, stage in enumerate(turns):
            random = Random(f"{seed}/{number}")
            problem = disturbed(stage, unbroken[stage], random, Path(folder) / f"trial{number}")
            rows[stage].count(problem, False, f"seed {seed}, number {number}, {stage}")
            print(f"{number}: {stage}, {problem or 'the same'}", file=sys.stderr)
    return list(rows.values())


def import_everything() -> None:
    """What the stages would import, but nothing that holds threads or a graphics context."""
    load_mujoco()
    modules = ["hydra.main", "torch._dynamo", "torch.utils.tensorboard"]
    for name in [*modules, *(f"calql_vision.stages.{stage}" for stage in COMMANDS)]:
        import_module(name)


def undisturbed(folder: Path, last: int) -> dict[str, Unbroken]:
    """Every stage up to the `last` once, each after those before it."""
    found, before = {}, folder / "nothing"
    before.mkdir()
    for stage in list(COMMANDS)[: last + 1]:
        after = folder / stage
        copytree(before, after)
        began = monotonic()
        code = ended(started(COMMANDS[stage], after))
        assert code == 0, (after / LOG).read_text()
        found[stage] = Unbroken(before, after, monotonic() - began)
        before = after
    return found


def disturbed(stage: str, unbroken: Unbroken, random: Random, place: Path) -> str | None:
    """What is wrong after a kill or several, and a call that may finish; None: nothing."""
    copytree(unbroken.before, place)
    story = []
    while not story or random.random() < AGAIN:
        number, delay = random.choice(SIGNALS), random.uniform(0, unbroken.seconds)
        story.append(f"{signal.Signals(number).name} after {delay:.2f} s")
        process = started(COMMANDS[stage], place)
        sleep(delay)
        os.kill(process, number)
        problem = bad_end(ended(process), number, place) or torn(place, unbroken.after)
        if problem:
            return f"{', '.join(story)}: {problem}"
    problem = finish(stage, place) or difference(place, unbroken.after)
    return f"{', '.join(story)}, then called again: {problem}" if problem else None


def bad_end(code: int, number: int, place: Path) -> str | None:
    """A signal that can be caught ends in its exit code and without a traceback."""
    log = (place / LOG).read_text() if (place / LOG).exists() else ""
    if "Traceback" in log:
        return f"a traceback: {' | '.join(log.splitlines()[-6:])}"
    expected = (0, -number) if number == signal.SIGKILL else (0, 128 + number)
    refused = code == 1 and already_there(log)  # a kill before this one came too late
    return None if code in expected or refused else f"exit code {code}: {log[-200:]}"


def finish(stage: str, place: Path) -> str | None:
    code, log = ended(started(COMMANDS[stage], place)), (place / LOG).read_text()
    return None if code == 0 or already_there(log) else f"exit code {code}: {log[-300:]}"


def already_there(log: str) -> bool:
    return "set overwrite=true to replace it" in log


def started(words: Sequence[str], place: Path) -> int:
    """Process number of a stage, at work in `place`."""
    process = os.fork()
    if process == 0:
        os._exit(child(words, place))
    return process


def child(words: Sequence[str], place: Path) -> int:
    """The command line, as a process of its own would run it."""
    os.chdir(place)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.argv = ["calql-vision", *words]
    code: object = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # whatever it is: that is the question
        traceback.print_exc()
        code = 99
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(str(code or 0))


def ended(process: int) -> int:
    """Its exit code; minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


# Comparison -------------------------------------------------------------------------------------


def without_clocks(path: Path) -> object:
    with path.open() as file:
        return [{k: v for k, v in row.items() if k not in CLOCKS} for row in csv.DictReader(file)]


def without_seconds(path: Path) -> object:
    return json.loads(path.read_text()) | {"seconds": None}


READERS: dict[str, Callable[[Path], object]] = {
    "metrics.csv": without_clocks,
    "live.json": without_seconds,
}


def results(folder: Path) -> dict[str, Path]:
    """Every file that counts; TensorBoard's are named by time, the log is ours."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {n: p for n, p in found.items() if "tensorboard/" not in n and n != LOG}


def difference(one: Path, other: Path) -> str | None:
    """What the first folder has that the second has not, or has otherwise."""
    here, there = results(one), results(other)
    if set(here) != set(there):
        return f"other files: {sorted(set(here) ^ set(there))}"
    return next((f"{name} differs" for name in here if not same(here[name], there[name])), None)


def same(one: Path, other: Path) -> bool:
    read = READERS.get(one.name, Path.read_bytes)
    return read(one) == read(other)


#: Files that grow while a stage runs; all others are whole whenever they exist.
GROWING = ("metrics.csv", "episodes.log", "run.lock", "state.pt", "best.pt", "live.json",
           "episodes.gif")  # fmt: skip


def torn(place: Path, unbroken: Path) -> str | None:
    """A file under its own name that is not what it will be."""
    there = results(unbroken)
    for name, path in results(place).items():
        if name in there and path.name not in GROWING and not same(path, there[name]):
            return f"{name} is half-written"
    return None
