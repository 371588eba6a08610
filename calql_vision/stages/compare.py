"""Several tasks side by side on one page that needs nothing but itself."""

import shlex
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from calql_vision.analysis.regret_decomposition import regret_decompositions
from calql_vision.analysis.seed_intervals import FEWEST, seed_intervals
from calql_vision.analysis.summary import summary_rows
from calql_vision.configs import option
from calql_vision.datasets.progress import warn
from calql_vision.datasets.whole_file import whole_file
from calql_vision.figures.page_table import PageTable
from calql_vision.figures.pages import Picture, page
from calql_vision.figures.result_tables import parts_table, results_table, seeds_table
from calql_vision.figures.style import method_styles
from calql_vision.figures.tasks import draw_tasks
from calql_vision.runs.launch import machine, typed_command, versions
from calql_vision.runs.output import has_words, output_folder
from calql_vision.runs.record import TaskRuns, read_runs


@dataclass
class CompareConfig:
    """One page about the runs of several tasks; `report` says more about each."""

    tasks: list[str] = option(["tabletop/lift"], "folders below `runs`, one per task")
    methods: list[str] | None = option(None, "only these, in this order; null: all that have run")
    runs: str = option("runs", "folder with <task>/<method>/seed<k>")
    output: str = option("reports/comparison", "folder")


def run(config: CompareConfig) -> Path:
    """Write index.html and the figures beside it; returns the page's path.

    Raises ValueError where a task has no run, or none of the chosen methods.
    """
    tasks = [_chosen(read_runs(Path(config.runs), task), config.methods) for task in config.tasks]
    pictures = {name: Picture.of(figure) for name, figure in draw_tasks(tasks).items()}
    content = {f"{name}.png": picture.content for name, picture in pictures.items()}
    content["index.html"] = page("compare.html", **_content(config, tasks, pictures)).encode()
    usual = Path(CompareConfig().output)
    folder = output_folder(config.output, usual, content, _is_comparison)
    for name, found in content.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(found)
    for warning in [warning for results in tasks for warning in results.warnings]:
        warn(warning)
    print(f"compare: {folder / 'index.html'}")
    return folder / "index.html"


def _is_comparison(folder: Path) -> bool:
    return has_words(folder / "index.html", "<title>Comparison of methods</title>")


def _chosen(results: TaskRuns, methods: list[str] | None) -> TaskRuns:
    if methods is None:
        return results
    runs = [run for label in methods for run in results.methods.get(label, [])]
    if not runs:
        raise ValueError(
            f"{results.task} has no run of {', '.join(methods)}; there are "
            f"{', '.join(results.methods)}"
        )
    return replace(results, runs=runs)


def _content(
    config: CompareConfig, tasks: list[TaskRuns], pictures: dict[str, Picture]
) -> dict[str, Any]:
    sections = {results.task: _tables(results) for results in tasks}
    together = seeds_table(seed_intervals(tasks) if len(tasks) > 1 else [])
    tables = [*(table for section in sections.values() for table in section.values()), together]
    return {
        "tasks": tasks,
        "sections": sections,
        "together": together,
        "notes": list(dict.fromkeys(note for table in tables for note in table.notes)),
        "pictures": pictures,
        "styles": method_styles([label for results in tasks for label in results.methods]),
        "warnings": [warning for results in tasks for warning in results.warnings],
        "fewest": FEWEST,
        "date": date.today().isoformat(),
        "command": typed_command() or _command(config),
        "versions": versions() | machine(),
    }


def _tables(results: TaskRuns) -> dict[str, PageTable]:
    return {
        "results": results_table(summary_rows(results)),
        "seeds": seeds_table(seed_intervals([results])),
        "parts": parts_table(regret_decompositions(results)),
    }


def _command(config: CompareConfig) -> str:
    """What would make this page."""
    lists = {"tasks": config.tasks, "methods": config.methods}
    words = [f"{key}=[{','.join(values)}]" for key, values in lists.items() if values]
    return shlex.join(["calql-vision", "compare", *words])
