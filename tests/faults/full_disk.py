"""Every stage on a disk that fills up while it writes: one sentence, nothing older is lost, and
with room the same command goes on.

The disk is a small tmpfs where one may mount, else a limit on the length of files.
"""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from calql_vision.cli import STAGES
from tests.faults.isolated import isolated
from tests.faults.outcome import Outcome, Row
from tests.faults.project import WORDS, call

SIZE = 64 * 2**20  # bytes of the small disk
ORDER = ("collect", "collect gzip", "convert", "inspect", "pretrain", "finetune", "evaluate",
         "diagnose", "report", "compare")  # fmt: skip
MORE = {"collect gzip": ("gzip=true", "next_obs=true", "output=data/packed.hdf5")}


def run(count: int, seed: int) -> list[Row]:
    """`count` full disks, the stages by turns; a row for each stage."""
    rows = {stage: Row(f"full disk: {stage}") for stage in ORDER}
    _import_everything()
    with TemporaryDirectory(prefix="full-") as name, small_disk(Path(name) / "disk") as mounted:
        sources = _stages(Path(name))
        for number in range(count):
            stage, random = ORDER[number % len(ORDER)], Random(f"{seed}/{number}")
            trial = _Trial(sources, Path(name) / "disk", stage, mounted)
            room = int(trial.needed * random.uniform(0, 1.1))
            problem, sentence = trial.run(room)
            reproducer = f"{stage}, {room} bytes free, seed {seed}, number {number}"
            rows[stage].count(problem, sentence, reproducer)
    return list(rows.values())


def _import_everything() -> None:
    """Before anything is forked; nothing that holds threads or a graphics context."""
    for stage in STAGES.values():
        import_module(stage.module)


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A folder that is a disk of `SIZE` bytes; False where only a plain one can be had."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    mounted = shutil.which("mount") is not None and (
        subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def _called(stage: str, folder: Path, limit: int | None = None) -> Outcome:
    """A stage in a folder, in a process of its own."""
    name = stage.split()[0]
    words = ("source=data/tabletop/reach.hdf5", "output=data/larger.hdf5", "image_size=12")
    words = words if name == "convert" else (*WORDS[name], *MORE.get(stage, ()))

    def action() -> None:
        os.chdir(folder)
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        call(name, *words)

    return isolated(action, seconds=600)


def _stages(folder: Path) -> dict[str, Path]:
    """What each stage finds, and at last what all have left."""
    found, here = {}, folder / "nothing"
    here.mkdir()
    for stage in ORDER:
        found[stage] = here
        here = Path(shutil.copytree(here, folder / stage))
        done = _called(stage, here)
        assert done == Outcome(), (stage, done)
    return found | {"": here}


class _Trial:
    """A stage on a disk that has too little room, and then enough."""

    def __init__(self, sources: dict[str, Path], disk: Path, stage: str, mounted: bool):
        following = [*ORDER, ""][ORDER.index(stage) + 1]
        self.before, self.stage, self.mounted = sources[stage], stage, mounted
        self.needed = _bytes(sources[following]) - _bytes(self.before)
        self.disk, self.place = disk, disk / "project"

    def run(self, room: int) -> tuple[str | None, bool]:
        """What is wrong, and whether the stage was refused in a sentence."""
        shutil.copytree(self.before, self.place)
        filler = self.disk / "filler"
        try:
            if self.mounted:
                _fill(filler, room)
            found = _called(self.stage, self.place, None if self.mounted else room)
            problem = found.problem or self._lost() or _unclear(found.sentence)
            filler.unlink(missing_ok=True)
            if found.sentence and not problem:
                again = _called(self.stage, self.place)
                wrong = again.problem or again.sentence
                problem = f"with room again: {wrong}" if wrong else None
            return problem, found.sentence is not None
        finally:
            filler.unlink(missing_ok=True)
            shutil.rmtree(self.place)

    def _lost(self) -> str | None:
        for path in self.before.rglob("*"):
            there = self.place / path.relative_to(self.before)
            if path.is_file() and (not there.exists() or there.read_bytes() != path.read_bytes()):
                return f"{there.name} has changed or is gone"
        partial = next(self.place.rglob("*.partial"), None)
        return f"{partial.name} is left over" if partial else None


def _unclear(sentence: str | None) -> str | None:
    """A sentence says what is full and what becomes of it."""
    told = sentence is None or ("cannot be" in sentence and "; " in sentence)
    return None if told else f"not clear: {sentence}"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _fill(filler: Path, room: int) -> None:
    """Leave `room` bytes of the disk."""
    facts = os.statvfs(filler.parent)
    taken = facts.f_bavail * facts.f_frsize - room
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(taken, 1))
