"""The cells of a sweep while it runs: a live table on a terminal, plain lines elsewhere."""

import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

_TAIL = 400  # bytes at the end of a log in which its last line is sought


@dataclass
class Cell:
    """One combination of a multirun."""

    words: list[str]
    log: Path  # where it writes, from its first moment on
    began: float | None = None  # when that was noticed, seconds of this process's clock
    ended: float | None = None
    failure: str | None = None

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def state(self) -> str:
        if self.ended is not None:
            return "failed" if self.failure else "done"
        return "running" if self.began is not None else "waiting"

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return 0.0 if self.began is None else (self.ended or monotonic()) - self.began

    def look(self) -> bool:
        """Whether it has begun since the last look."""
        new = self.began is None and self.log.exists()
        self.began = monotonic() if new else self.began
        return new

    def end(self, failure: str | None) -> None:
        self.look()
        self.ended, self.failure = monotonic(), failure

    def last_line(self) -> str:
        """Of its log: how far it is."""
        if not self.log.exists():
            return ""
        text = self.log.read_bytes()[-_TAIL:].decode(errors="replace").strip()
        return text.splitlines()[-1] if text else ""


def seconds_left(cells: list[Cell]) -> float | None:
    """Until all are done, if the others take as long as those that are; None: none is, yet."""
    done = [cell.seconds for cell in cells if cell.state == "done"]
    running = [cell.seconds for cell in cells if cell.state == "running"]
    waiting = sum(cell.state == "waiting" for cell in cells)
    if not done or not running:
        return None
    mean = sum(done) / len(done)
    work = waiting * mean + sum(max(mean - seconds, 0) for seconds in running)
    return work / len(running)


class SweepTable:
    """Shows the cells until its block ends."""

    def __init__(self, cells: list[Cell]):
        self.cells, self._told = cells, set[str]()
        self._live = Live(console=Console(), auto_refresh=False)

    def __enter__(self) -> "SweepTable":
        if sys.stdout.isatty():
            self._live.start()
        return self

    def refresh(self) -> None:
        for cell in self.cells:
            cell.look()
        if sys.stdout.isatty():
            self._live.update(self.table(), refresh=True)
        else:
            self._tell()

    def _tell(self) -> None:
        """A line for every change."""
        for cell in self.cells:
            line = f"{cell.state}: {cell.name}" + (f" ({cell.failure})" if cell.failure else "")
            if cell.state != "waiting" and line not in self._told:
                self._told.add(line)
                print(f"{line}; {self.summary()}", flush=True)

    def table(self) -> Table:
        found = Table("cell", "state", "time", "last line", caption=self.summary())
        for cell in self.cells:
            last = cell.failure or cell.last_line()
            time = _clock(cell.seconds) if cell.began is not None else ""
            found.add_row(escape(cell.name), cell.state, time, escape(last))
        return found

    def summary(self) -> str:
        states = [cell.state for cell in self.cells]
        kinds = ("done", "running", "waiting", "failed")
        counts = [f"{states.count(kind)} {kind}" for kind in kinds if kind in states]
        left = seconds_left(self.cells)
        return ", ".join([*counts, *([f"about {_clock(left)} left"] if left is not None else [])])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._live.stop()
        for cell in self.cells:
            if cell.failure:
                print(f"failed: {cell.name}: {cell.failure}; see {cell.log}", file=sys.stderr)


def _clock(seconds: float) -> str:
    """h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
