"""Laws of a sweep on a Ray cluster: every cell once, failures told, nothing lost by a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from calql_vision import cli
from calql_vision.cli.sweep_table import Cell, SweepTable, seconds_left
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.ray_cluster import joined_cluster

TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
TRAIN = (*TINY, "encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1",
         "task.effort=1", "scale.log_every=2", "scale.evaluations=1",
         "scale.validation_episodes=1", "checkpoint_every=0")  # fmt: skip
RAY = ("-m", "hydra/launcher=ray")


@pytest.fixture(scope="module")
def cluster():
    """Two cores of this machine."""
    ray = joined_cluster(cores=2)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("data") / "lift.hdf5"
    call("collect", *TINY, "scale.episodes=3", f"output={path}")
    return f"data.path={path}"


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> None:
    """The command line, within this process."""
    before, sys.argv = sys.argv, ["calql-vision", *words]
    try:
        cli.main()
    finally:
        sys.argv = before


def test_every_combination_is_a_cell_with_a_log(cluster, workplace, capsys):
    call("collect", *RAY, "task=lift,reach", "scale.episodes=1", *TINY)
    assert sorted(path.name for path in Path("data").rglob("*.hdf5")) == ["lift.hdf5", "reach.hdf5"]
    printed = capsys.readouterr().out
    assert "done: task=lift" in printed
    assert "2 done" in printed
    logs = sorted(Path(".hydra").rglob("*.log"))
    assert [log.name for log in logs] == ["0.log", "1.log"]
    assert "$ calql-vision collect task=lift" in logs[0].read_text()


def test_a_failed_cell_is_told_and_the_others_are_done(cluster, workplace, capsys):
    with pytest.raises(SystemExit, match="1 of 2 failed; the same command goes on"):
        call("collect", *RAY, "task=lift", "scale.episodes=1", "episodes=1,0", *TINY[1:])
    assert Path("data/tabletop/lift.hdf5").exists()
    errors = capsys.readouterr().err
    assert "failed: task=lift" in errors
    assert "episodes=0" in errors


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory) -> int:
    """The weights of a run that nobody disturbs, as a checksum."""
    folder = tmp_path_factory.mktemp("unbroken")
    call("pretrain", *TRAIN, "scale.updates=60", data, f"output={folder}/pretrain")
    return Checkpoint.load(folder / "pretrain/checkpoint.pt").checksum()


def a_few_rows(metrics: Path) -> Callable[[], bool]:
    """Whether the file has some, so that a run is under way and not at its end."""
    return lambda: metrics.exists() and metrics.read_text().count("\n") > 3


def test_a_cell_whose_process_dies_is_started_again_and_goes_on(
    cluster, workplace, data, unbroken, killing
):
    with killing(["ray::run_cell"], a_few_rows(Path("here/metrics.csv").resolve())):
        call("pretrain", *RAY, *TRAIN, "scale.updates=60", data, "output=here")
    (log,) = Path(".hydra").rglob("*.log")
    assert log.read_text().count("$ calql-vision pretrain") == 2
    assert "pretrain: resumes at update" in log.read_text()
    assert Checkpoint.load(Path("here/checkpoint.pt")).checksum() == unbroken


def test_a_sweep_that_is_killed_goes_on_with_the_same_command(workplace, data, unbroken, killing):
    """Its cell, too: Ray ends that of a dead driver only seconds later, when it may be done."""
    words = [*RAY, "hydra.launcher.cores=1", *TRAIN, "scale.updates=60", data, "output=here"]
    command = [sys.executable, "-m", "calql_vision", "pretrain", *words]
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    rows = a_few_rows(Path("here/metrics.csv").resolve())
    with killing(["launcher=ray", "ray::run_cell"], rows):
        killed = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "pretrain: resumes at update" in max(Path(".hydra").rglob("*.log")).read_text()
    assert Checkpoint.load(Path("here/checkpoint.pt")).checksum() == unbroken


def test_time_left_follows_from_the_cells_that_are_done():
    cells = [Cell([f"seed={n}"], Path(f"{n}.log")) for n in range(5)]
    cells[0].began, cells[0].ended = 0.0, 100.0
    assert seconds_left(cells) is None, "nothing runs"
    cells[1].began = time.monotonic() - 40
    assert seconds_left(cells) == pytest.approx(3 * 100 + 60, abs=1)
    cells[2].began = time.monotonic() - 500
    assert seconds_left(cells) == pytest.approx((2 * 100 + 60) / 2, abs=1)


def test_the_table_shows_every_cell_with_what_it_said_last(tmp_path):
    logs = [tmp_path / f"{n}.log" for n in range(3)]
    logs[0].write_text("$ calql-vision\npretrain: 40 of 100 [bold]\n")
    cells = [Cell([f"seed={n}"], log) for n, log in enumerate(logs)]
    cells[0].look()
    cells[1].end("error: [red]no data")
    table = SweepTable(cells).table()
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == ["seed=0", "seed=1", "seed=2"]
    assert columns[1] == ["running", "failed", "waiting"]
    assert columns[3] == [r"pretrain: 40 of 100 \[bold]", r"error: \[red]no data", ""]
    assert table.caption == "1 running, 1 waiting, 1 failed"
