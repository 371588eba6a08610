"""The files of a run, damaged: `report` and `compare` leave them out in a sentence, or read what
is possible."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

from calql_vision.analysis.regret_decomposition import regret_decompositions
from calql_vision.analysis.seed_intervals import seed_intervals
from calql_vision.analysis.summary import summary_rows
from calql_vision.runs.record import Run, TaskRuns, read_runs
from tests.faults.mutate import mutated_bytes, mutated_content
from tests.faults.outcome import Row, outcome
from tests.faults.project import TASK, WORDS, call, project

RUN = f"runs/{TASK}/cal_ql/seed0"
FILES = (
    "pretrain/config.yaml", "pretrain/launch.json", "pretrain/metrics.csv", "finetune/metrics.csv",
    "evaluate/metrics.json", "diagnose/diagnosis.json", "diagnose/calibration.npz",
)  # fmt: skip
PAGES = 40  # so many mutations per one that is also made into pages, which take seconds


def run(count: int, seed: int) -> list[Row]:
    """`count` mutations, of a file and a kind each at random."""
    row = Row("run files")
    with project("collect", "pretrain", "finetune", "evaluate", "diagnose") as folder:
        for number in range(count):
            _try(folder, Random(f"{seed}/{number}"), row, f"seed {seed}, number {number}", number)
    return [row]


def _try(folder: Path, random: Random, row: Row, reproducer: str, number: int) -> None:
    path = folder / RUN / random.choice(FILES)
    kept = path.read_bytes()
    content, what = _mutated(path, kept, random)
    try:
        path.write_bytes(content)
        found = outcome(lambda: _read(folder, pages=number % PAGES == 0))
    finally:
        path.write_bytes(kept)
    warned = found.value is not None and bool(found.value.warnings)
    row.count(
        found.problem, warned or found.sentence is not None, f"{path.name}{what}, {reproducer}"
    )


def _mutated(path: Path, content: bytes, random: Random) -> tuple[bytes, str]:
    if path.name not in _STRUCTURAL or random.random() < 0.3:
        found, what = mutated_bytes(content, random)
        return found, f", {what}"
    read, write = _STRUCTURAL[path.name]
    changed, what = mutated_content(read(content), random)
    return write(changed), what


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _yaml(value: Any) -> bytes:
    return yaml.safe_dump(value).encode()


def _table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def _lines(rows: Any) -> bytes:
    """A table again, of whatever its cells have become."""
    rows = rows if isinstance(rows, list) else [rows]
    cells = [row if isinstance(row, list) else [row] for row in rows]
    return "\n".join(",".join(map(str, row)) for row in cells).encode(errors="replace")


_STRUCTURAL: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "metrics.json": (json.loads, _json),
    "launch.json": (json.loads, _json),
    "diagnosis.json": (json.loads, _json),
    "config.yaml": (yaml.safe_load, _yaml),
    "metrics.csv": (_table, _lines),
}


def _read(folder: Path, pages: bool) -> TaskRuns:
    """What the pages are made of; with `pages` the pages as well."""
    results = read_runs(folder / "runs", TASK)
    summary_rows(results)
    seed_intervals([results])
    regret_decompositions(results)
    for found in results.runs:
        _check(found)
    if pages:
        call("report", *WORDS["report"])
        call("compare", *WORDS["compare"])
    return results


def _check(found: Run) -> None:
    """What cannot be must not have been read."""
    for each in found.evaluations.values():
        evaluation = each.evaluation
        assert evaluation.successes.dtype == bool
        assert 0 <= evaluation.success_rate <= 1
        assert len(evaluation.returns) == len(evaluation.lengths) == evaluation.episodes
        assert np.isfinite(evaluation.returns).all()
    for record in found.training.values():
        assert record.config is None or 0 <= record.config.task.discount < 1
