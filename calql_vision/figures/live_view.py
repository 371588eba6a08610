"""What a page shows of a run that trains."""

from dataclasses import dataclass

from calql_vision.figures.number_text import duration
from calql_vision.figures.pages import data_uri
from calql_vision.runs.live import LiveStage
from calql_vision.runs.record import Run

_SILENT = 3600.0  # seconds without a row after which a process is thought to be gone


@dataclass(frozen=True)
class LiveView:
    """One run, at a moment."""

    run: Run
    stage: LiveStage
    silent: float  # seconds since the last row

    @classmethod
    def of(cls, run: Run, now: float) -> "LiveView | None":
        """At `now`, seconds since 1970; None of runs that do not tell."""
        stage = LiveStage.of(run.folder)
        return cls(run, stage, max(0.0, now - stage.written)) if stage else None

    @property
    def running(self) -> bool:
        return self.stage.held and self.silent < _SILENT

    @property
    def sentence(self) -> str:
        """Where it is, and how long it will take."""
        state = self.stage.state
        taken = duration([state.seconds])
        if state.finished:
            return f"{state.stage}: finished, {state.total:,} {state.unit}s in {taken}."
        place = f"{state.stage}: {state.unit} {state.step:,} of {state.total:,}"
        if not self.running:
            return f"{place}, interrupted after {taken}; the same command goes on."
        left = f", about {duration([state.seconds_left])} left" if state.seconds_left else ""
        return f"{place}, {taken} so far{left}; last row {duration([self.silent])} ago."

    @property
    def film(self) -> str | None:
        """A data URI."""
        return data_uri("image/gif", self.stage.film) if self.stage.film else None
