"""Every run of a task on one page that needs nothing but itself."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from calql_vision.analysis.regret_decomposition import diagnosis_notes, regret_decompositions
from calql_vision.analysis.seed_intervals import FEWEST, seed_intervals
from calql_vision.analysis.summary import summary_rows
from calql_vision.analysis.tables import method_tables, run_tables
from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.progress import warn
from calql_vision.datasets.whole_file import whole_file
from calql_vision.figures.demonstrations import Demonstrations, read_demonstrations
from calql_vision.figures.pages import Picture, films, page
from calql_vision.figures.result_tables import (
    effort_table,
    parts_table,
    results_table,
    seeds_table,
)
from calql_vision.figures.style import method_styles
from calql_vision.figures.training import draw
from calql_vision.runs.config import TaskConfig
from calql_vision.runs.launch import machine, versions
from calql_vision.runs.output import has_words, output_folder
from calql_vision.runs.record import TaskRuns, read_runs


@dataclass
class ReportConfig:
    """One page about all runs of a task: any method, any seed, finished or not."""

    task: TaskConfig = field(default_factory=TaskConfig)
    runs: str = option("runs", "folder with <task>/<method>/seed<k>")
    data: str | None = option(None, "the demonstrations; null: data/<task>.hdf5")
    output: str | None = option(None, "folder; null: reports/<task>")


def run(config: ReportConfig) -> Path:
    """Write index.html, figures/*.png and tables/*.csv; returns the page's path.

    Files that cannot be read are named in warnings, on the page as well. Raises ValueError where
    there is no run.
    """
    check_ranges(config)
    results = read_runs(Path(config.runs), config.task.label)
    content = _content(config, results)
    usual = Path("reports") / config.task.label
    folder = output_folder(config.output, usual, content, _is_report)
    for name, found in content.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(found)
    for warning in results.warnings:
        warn(warning)
    print(f"report: {folder / 'index.html'}")
    return folder / "index.html"


def _is_report(folder: Path) -> bool:
    return has_words(folder / "index.html", "offline-to-online results</title>")


def _content(config: ReportConfig, results: TaskRuns) -> dict[str, bytes]:
    """Every file by its relative name; the page last, so that it stands when all others do."""
    data = Path(config.data or config.task.data_path)
    demonstrations = _demonstrations(data, config.task.discount, results.warnings)
    pictures = {name: Picture.of(figure) for name, figure in draw(results).items()}
    if demonstrations:
        pictures["demonstrations"] = demonstrations.picture
    rows, seeds = summary_rows(results), seed_intervals([results])
    parts = regret_decompositions(results)
    html = page(
        "report.html",
        results=results,
        date=date.today().isoformat(),
        tables={
            "results": results_table(rows),
            "seeds": seeds_table(seeds),
            "parts": parts_table(parts),
            "effort": effort_table(rows),
        },
        styles=method_styles(list(results.methods)),
        fewest=FEWEST,
        notes=diagnosis_notes(results),
        pictures=pictures,
        data=data,
        demonstrations=demonstrations,
        films=films(results),
        commands=_commands(demonstrations, results),
        versions=versions() | machine(),
    )
    content = {f"figures/{name}.png": picture.content for name, picture in pictures.items()}
    found = run_tables(results, rows) | method_tables(seeds, parts)
    content |= {f"tables/{name}": table for name, table in found.items()}
    return content | {"index.html": html.encode()}


def _commands(demonstrations: Demonstrations | None, results: TaskRuns) -> list[str]:
    """What was typed to make all this, each line once."""
    collected = [demonstrations.command] if demonstrations and demonstrations.command else []
    return list(dict.fromkeys([*collected, *(c for run in results.runs for c in run.commands)]))


def _demonstrations(path: Path, discount: float, warnings: list[str]) -> Demonstrations | None:
    """None where there is no such file, and with a warning where it is damaged."""
    if not path.is_file():
        return None
    try:
        return read_demonstrations(path, discount)
    except ValueError as error:
        warnings.append(f"{error}; the data set is left out")
        return None
