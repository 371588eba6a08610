"""Pages that need nothing but themselves, out of the templates beside this file."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from calql_vision.analysis.outcome import SuccessCount
from calql_vision.datasets.names import printable
from calql_vision.figures.style import png
from calql_vision.runs.record import Run, TaskRuns

_FEW = 6  # films; with more runs only the first of every method is shown


def page(template: str, **content: Any) -> str:
    """The template beside this file, filled; every name in it must be in `content`."""
    environment = Environment(
        loader=PackageLoader("calql_vision.figures", ""),
        autoescape=template.endswith(".html"),
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(template).render(content)


def _shown(value: Any) -> Any:
    """Names out of runs and data files are text, whatever stands in them."""
    return printable(value) if type(value) is str else value


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page."""

    content: bytes
    inches: float  # width at which its letters have their nominal size

    @classmethod
    def of(cls, figure: Figure) -> "Picture":
        return cls(png(figure), figure.get_figwidth())

    @property
    def uri(self) -> str:
        return data_uri("image/png", self.content)


@dataclass(frozen=True)
class Film:
    """The episodes that `evaluate` filmed, inside the page."""

    run: Run
    stage: str  # whose checkpoint acts

    @property
    def count(self) -> SuccessCount:
        return SuccessCount.of(self.run.evaluations[self.stage].evaluation)

    @property
    def uri(self) -> str:
        return data_uri("video/mp4", self.run.videos[self.stage].read_bytes())


def data_uri(kind: str, content: bytes) -> str:
    """A file inside the page; `kind` is its media type."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def films(results: TaskRuns) -> list[Film]:
    """Each run's last stage: of all runs if they are few, else of the first of every method."""
    found = [
        Film(run, "finetune" if "finetune" in run.videos else "pretrain")
        for run in results.runs
        if run.videos
    ]
    if len(found) <= _FEW:
        return found
    return list({film.run.label: film for film in reversed(found)}.values())[::-1]
