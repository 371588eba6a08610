"""Every run of a task on one page that needs nothing but itself."""

import sys
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from calql_vision.analysis.dip import EARLY, WINDOW
from calql_vision.analysis.regret_decomposition import diagnosis_notes, regret_decompositions
from calql_vision.analysis.results import Results, Run, read_runs
from calql_vision.analysis.seed_intervals import FEWEST, REFERENCE, seed_intervals
from calql_vision.analysis.summary import summary_rows
from calql_vision.analysis.tables import comparison_tables, tables
from calql_vision.datasets.whole_file import whole_file
from calql_vision.figures.demonstrations import Demonstrations, read_demonstrations
from calql_vision.figures.number_text import amount, duration, mean_and_range, or_never
from calql_vision.figures.training import draw, png
from calql_vision.runs.config import TaskConfig, task_data
from calql_vision.runs.machine import machine
from calql_vision.stages.commands import reproduction

_FEW = 6  # videos; with more runs only the first of every method is shown


@dataclass
class ReportConfig:
    """One page about all runs of a task: any method, any seed, finished or not."""

    task: TaskConfig = field(default_factory=TaskConfig)
    runs: str = "runs"  # folder with <task>/<method>/seed<k>
    data: str | None = None  # the demonstrations; null: data/<task>.hdf5
    output: str | None = None  # folder; null: reports/<task>


def run(config: ReportConfig) -> Path:
    """Write index.html, figures/*.png and tables/*.csv; returns the page's path.

    Files that cannot be read are named in warnings, on the page as well. Raises ValueError where
    there is no run.
    """
    results = read_runs(Path(config.runs), config.task.label)
    content = _content(config, results)
    folder = Path(config.output or Path("reports") / config.task.label)
    for name, found in content.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(found)
    for warning in results.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"report: {folder / 'index.html'}")
    return folder / "index.html"


def _content(config: ReportConfig, results: Results) -> dict[str, bytes]:
    """Every file by its relative name; the page last, so that it stands when all others do."""
    data = Path(config.data or task_data(config.task))
    demonstrations = _demonstrations(data, config.task.discount, results.warnings)
    pictures = {name: Picture(png(f), f.get_figwidth()) for name, f in draw(results).items()}
    if demonstrations:
        pictures["demonstrations"] = Picture(demonstrations.picture, 11.5)
    rows, seeds = summary_rows(results), seed_intervals([results])
    parts = regret_decompositions(results)
    page = _template().render(
        results=results,
        date=date.today().isoformat(),
        rows=rows,
        seeds=seeds,
        reference=REFERENCE,
        fewest=FEWEST,
        window=WINDOW,
        early=EARLY,
        parts=parts,
        notes=diagnosis_notes(results),
        pictures=pictures,
        data=data,
        demonstrations=demonstrations,
        films=_films(results),
        commands=reproduction(results),
        versions=machine(),
    )
    content = {f"figures/{name}.png": picture.content for name, picture in pictures.items()}
    found = tables(results, rows) | comparison_tables(seeds, parts)
    content |= {f"tables/{name}": table for name, table in found.items()}
    return content | {"index.html": page.encode()}


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page."""

    content: bytes
    inches: float  # width at which its letters have their nominal size

    @property
    def uri(self) -> str:
        return _data_uri("image/png", self.content)


@dataclass(frozen=True)
class Film:
    """The episodes that `evaluate` filmed, inside the page."""

    run: Run
    stage: str  # whose checkpoint acts

    @property
    def uri(self) -> str:
        return _data_uri("video/mp4", self.run.videos[self.stage].read_bytes())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _demonstrations(path: Path, discount: float, warnings: list[str]) -> Demonstrations | None:
    """None where there is no such file, and with a warning where it is damaged."""
    if not path.is_file():
        return None
    try:
        return read_demonstrations(path, discount)
    except ValueError as error:
        warnings.append(f"{error}; the data set is left out")
        return None


def _films(results: Results) -> list[Film]:
    """Each run's last stage: of all runs if they are few, else of the first of every method."""
    films = [
        Film(run, "finetune" if "finetune" in run.videos else "pretrain")
        for run in results.runs
        if run.videos
    ]
    if len(films) <= _FEW:
        return films
    return list({film.run.label: film for film in reversed(films)}.values())[::-1]


def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        function.__name__: function for function in (mean_and_range, amount, or_never, duration)
    }
    source = files("calql_vision.figures").joinpath("report.html").read_text(encoding="utf-8")
    return environment.from_string(source)
