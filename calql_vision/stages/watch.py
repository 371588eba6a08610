"""A page that follows training: it reads what runs write, and never touches it."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.whole_file import whole_file
from calql_vision.figures.live_view import LiveView
from calql_vision.figures.pages import Picture, page
from calql_vision.figures.style import method_styles
from calql_vision.figures.training import draw
from calql_vision.runs.config import TaskConfig
from calql_vision.runs.layout import find_runs
from calql_vision.runs.output import check_folder, has_words
from calql_vision.runs.record import read_runs

_OURS = "<!-- calql-vision watch -->"
_CURVES = ("success", "regret", "calibration", "learning")


@dataclass
class WatchConfig:
    """A page about the runs of a task that is written anew while they train."""

    task: TaskConfig = field(default_factory=TaskConfig)
    runs: str = option("runs", "folder with <task>/<method>/seed<k>")
    output: str | None = option(None, "the page; null: reports/<task>/watch.html")
    every: int = option(20, "seconds between two pages", within="[1, 3600]")
    once: bool = option(False, "write the page once, and end")


def run(config: WatchConfig) -> Path:
    """Write the page until nothing trains any more; returns its path.

    Raises ValueError where the task has no run, and the page is to be written once.
    """
    check_ranges(config)
    usual = Path("reports") / config.task.label / "watch.html"
    path = Path(config.output or usual)
    check_folder(path.parent, [path.name], lambda _: path == usual or has_words(path, _OURS))
    _await_first_row(config)
    running = _write(config, path)
    print(f"watch: {path}", flush=True)
    while running and not config.once:
        time.sleep(config.every)
        running = _write(config, path)
    return path


def _await_first_row(config: WatchConfig) -> None:
    root = Path(config.runs)
    if config.once or find_runs(root, config.task.label):
        return
    print(f"watch: waits for the first row of a run in {root / config.task.label}", flush=True)
    while not find_runs(root, config.task.label):
        time.sleep(1)


def _write(config: WatchConfig, path: Path) -> bool:
    """One page; returns whether anything trains."""
    results = read_runs(Path(config.runs), config.task.label)
    views = [view for run in results.runs if (view := LiveView.of(run, time.time()))]
    running = any(view.running for view in views)
    figures = {name: figure for name, figure in draw(results).items() if name in _CURVES}
    html = page(
        "watch.html",
        results=results,
        views=sorted(views, key=lambda view: not view.running),
        running=running,
        every=config.every,
        time=datetime.now().strftime("%H:%M:%S"),
        pictures={name: Picture.of(figure) for name, figure in figures.items()},
        styles=method_styles(list(results.methods)),
    )
    with whole_file(path) as partial:
        partial.write_text(html, encoding="utf-8")
    return running
