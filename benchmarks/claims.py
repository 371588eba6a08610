"""Measures the claims of docs/results.md, and writes its tables.

python benchmarks/claims.py run [ROW ...]    every cell that has no result yet, a process per core
python benchmarks/claims.py page             docs/claims/index.md and figures from what there is

A finished cell leaves docs/claims/ROW/CELL.json, which is committed, so that nothing is run twice
on any machine; an interrupted one goes on where it was.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from claims_figure import draw
from claims_page import write
from claims_rows import ROWS, Cell

from calql_vision.analysis import outcome
from calql_vision.datasets.whole_file import whole_file
from calql_vision.runs.launch import machine
from calql_vision.runs.layout import EVALUATION, RunFolder
from calql_vision.runs.metrics import Column
from calql_vision.runs.record import Run, read_runs

ONLINE_ONLY = ("rlpd", "sac")
DATA = Lock()  # two cells may want the same file
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


def run(cell: Cell) -> None:
    """All stages of a cell; what they say goes to a log beside their files."""
    if cell.file.is_file():
        return
    folder = RunFolder(Path("runs") / cell.data / cell.method / f"seed{cell.seed}")
    folder.path.mkdir(parents=True, exist_ok=True)
    words = [*cell.words, f"seed={cell.seed}"]
    try:
        prepare_data(cell, folder.path)
        if cell.method not in ONLINE_ONLY:
            train(folder, "pretrain", words)
            evaluate(folder, "pretrain", words)
        train(folder, "finetune", words)
        evaluate(folder, "finetune", words)
    except subprocess.CalledProcessError as error:
        print(f"{cell.name} failed ({error}); see {folder.path}/log.txt", file=sys.stderr)
        return
    runs = read_runs(Path("runs"), cell.data).runs
    save(cell, next(found for found in runs if found.folder == folder))


def train(folder: RunFolder, name: str, words: list[str]) -> None:
    if not folder.checkpoint(name).is_file():
        stage(folder.path, name, *words, "threads=1")


def evaluate(folder: RunFolder, name: str, words: list[str]) -> None:
    if not (folder.evaluation(name) / EVALUATION).is_file():
        words = [word for word in words if not word.startswith(("scale.", "reward."))]
        stage(folder.path, "evaluate", *words, f"stage={name}", "videos=0")


def stage(folder: Path, *words: str) -> None:
    call(folder, "-m", "calql_vision", *words)


def call(folder: Path, *words: str) -> None:
    with (folder / "log.txt").open("a") as log:
        command = [sys.executable, *words]
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        subprocess.run(command, env=ONE_THREAD, stdout=log, stderr=log, check=True)


def prepare_data(cell: Cell, folder: Path) -> None:
    """Demonstrations of the task: collected, or recorded by robosuite's and robomimic's scripts."""
    path = Path("data") / f"{cell.data}.hdf5"
    if path.is_file():
        return
    with DATA:
        if path.is_file():
            return
        if cell.data.startswith("recordings"):
            record(path, folder)
        else:
            words = [word for word in cell.words if word.startswith(("task=", "task.image_size="))]
            stage(folder, "collect", *words, f"output={path}")


def record(path: Path, log: Path) -> None:
    """data/recordings_<size>/<seed>.hdf5, as docs/robomimic.md says."""
    raw, size = Path("data/recordings") / path.stem, path.parent.name.rpartition("_")[2]
    demo = raw / "demo.hdf5"
    if not demo.is_file():
        raw.mkdir(parents=True, exist_ok=True)
        call(log, "benchmarks/record_lift.py", str(raw), path.stem)
        call(log, "-m", "robomimic.scripts.conversion.convert_robosuite", "--dataset", str(demo))
    stage(log, "convert", f"source={demo}", f"output={path}", f"image_size={size}")


def save(cell: Cell, found: Run) -> None:
    """What the page needs of a run, a few kB."""
    counts = {
        "offline": outcome.offline_success(found) if "pretrain" in found.evaluations else None,
        "final": outcome.final_success(found),
    }
    periodic = {
        stage: [
            [float(step), float(rate)]
            for step, rate in zip(*found.curve(stage, Column.SUCCESS_RATE), strict=True)
        ]
        for stage in found.training
    }
    content = {
        **{name: getattr(cell, name) for name in ("row", "data", "method", "seed", "words")},
        **{name: count and [count.successes, count.episodes] for name, count in counts.items()},
        "regret": outcome.regret(found),
        "online_successes": found.curve("finetune", Column.ONLINE_SUCCESS).values.tolist(),
        "env_steps": outcome.env_steps(found),
        "updates": outcome.updates(found),
        "wall_seconds": outcome.wall_seconds(found),
        "periodic": periodic,
        "commit": commit(),
        "machine": machine(),
    }
    cell.file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(cell.file) as partial:
        partial.write_text(json.dumps(content) + "\n")


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main(action: str, *names: str) -> None:
    unknown = set(names) - {row.name for row in ROWS}
    if unknown or action not in ("run", "page"):
        raise SystemExit(f"{action} {' '.join(names)}: run or page; rows: {[r.name for r in ROWS]}")
    rows = [row for row in ROWS if not names or row.name in names]
    if action == "run":
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(run, [cell for row in rows for cell in row.cells()]))
    write(ROWS)
    draw(ROWS)


if __name__ == "__main__":
    main(*sys.argv[1:])
