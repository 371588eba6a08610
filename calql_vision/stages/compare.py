"""Several tasks side by side: one page in Markdown, to be read in a repository."""

import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from calql_vision.analysis.dip import EARLY, WINDOW
from calql_vision.analysis.regret_decomposition import regret_decompositions
from calql_vision.analysis.seed_intervals import FEWEST, REFERENCE, seed_intervals
from calql_vision.analysis.summary import summary_rows
from calql_vision.configs import option
from calql_vision.datasets.whole_file import whole_file
from calql_vision.figures.pages import page
from calql_vision.figures.tasks import draw_tasks
from calql_vision.figures.training import png
from calql_vision.runs.launch import machine, versions
from calql_vision.runs.record import TaskRuns, read_runs


@dataclass
class CompareConfig:
    """One page about the runs of several tasks; `report` says more about each."""

    tasks: list[str] = option(["tabletop/lift"], "folders below `runs`, one per task")
    methods: list[str] | None = option(None, "only these, in this order; null: all that have run")
    runs: str = option("runs", "folder with <task>/<method>/seed<k>")
    output: str = option("reports/comparison", "folder")


def run(config: CompareConfig) -> Path:
    """Write index.md and the figures beside it; returns the page's path.

    Raises ValueError where a task has no run, or none of the chosen methods.
    """
    tasks = [_chosen(read_runs(Path(config.runs), task), config.methods) for task in config.tasks]
    folder, figures = Path(config.output), draw_tasks(tasks)
    content = {f"{name}.png": png(figure) for name, figure in figures.items()}
    content["index.md"] = _page(tasks, config.methods, list(figures)).encode()
    for name, found in content.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(found)
    for warning in [warning for results in tasks for warning in results.warnings]:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"compare: {folder / 'index.md'}")
    return folder / "index.md"


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


def _page(tasks: list[TaskRuns], methods: list[str] | None, figures: list[str]) -> str:
    return page(
        "compare.md",
        tasks=tasks,
        methods=methods,
        figures=figures,
        summary_rows=summary_rows,
        seed_intervals=seed_intervals,
        regret_decompositions=regret_decompositions,
        date=date.today().isoformat(),
        machine=versions() | machine(),
        reference=REFERENCE,
        fewest=FEWEST,
        window=WINDOW,
        early=EARLY,
    )
