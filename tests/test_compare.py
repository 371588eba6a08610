"""Laws of `make compare`, with a program in the place of the stages that only notes its calls."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PROGRAM = """
import os, sys
from pathlib import Path
stage, *words = sys.argv[1:]
options = dict(word.split("=", 1) for word in words if "=" in word)
with open("calls.txt", "a") as file:
    print(stage, *words, file=file)
if os.environ.get("BROKEN") == stage:
    sys.exit("error: 1 of 8 failed; the same command goes on")
cells = [
    f"runs/tabletop/{task}/{algo}/seed{seed}"
    for task in options["task"].split(",")
    for algo in options.get("algo", "").split(",")
    for seed in options.get("seed", "").split(",")
] if stage == "experiment" else []
left = {
    "collect": [options.get("output")],
    "inspect": [options.get("contact_sheet")],
    "experiment": [
        f"{cell}/{name}"
        for cell in cells
        for name in ("pretrain/checkpoint.pt", "evaluate_pretrain/metrics.json",
                     "finetune/checkpoint.pt", "evaluate/metrics.json", "diagnose/diagnosis.json")
    ],
    "report": [f"reports/tabletop/{options.get('task')}/index.html"],
    "compare": [f"{options.get('output')}/index.html"],
}
for path in map(Path, left[stage]):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or stage != "experiment":
        path.touch()
"""


@pytest.fixture
def project(tmp_path):
    """A checkout that seems to be set up."""
    return checkout(tmp_path / "project")


@pytest.fixture(scope="module")
def first_call(tmp_path_factory):
    """A project whose whole matrix has run; what make said; what the stages noted."""
    project = checkout(tmp_path_factory.mktemp("first") / "project")
    return project, *compare(project)


@pytest.fixture
def compared(first_call, tmp_path):
    """A copy of that project, to go on from."""
    return Path(shutil.copytree(first_call[0], tmp_path / "project"))


def checkout(folder: Path) -> Path:
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "configs/algo", folder / "configs/algo")
    (folder / "program.py").write_text(PROGRAM)
    (folder / ".venv").mkdir()
    (folder / ".venv/.ready").touch()
    return folder


def compare(project: Path, **environment: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    """What make said, and the calls of the stages that it made."""
    calls = project / "calls.txt"
    before = len(calls.read_text().splitlines()) if calls.exists() else 0
    run = subprocess.run(
        ["make", "compare", "TASKS=lift push", "ALGOS=cal_ql cql", "SEEDS=0 1", "JOBS=3",
         "ARGS=algo.tau=0.1", f"RUN={sys.executable} -I -S program.py"],
        cwd=project, env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return run, calls.read_text().splitlines()[before:]


def stages(calls: list[str]) -> list[str]:
    return [call.split()[0] for call in calls]


def test_data_come_first_then_the_whole_matrix_then_the_pages(first_call):
    _, run, calls = first_call
    assert run.returncode == 0, run.stderr
    data, pages = ["collect", "inspect"] * 2, ["report", "report", "compare"]
    assert stages(calls) == [*data, "experiment", *pages]
    assert calls[4] == (
        "experiment -m hydra/launcher=ray hydra.launcher.cores=3 "
        "task=lift,push algo=cal_ql,cql seed=0,1 scale=small algo.tau=0.1"
    )
    assert calls[-1] == (
        "compare tasks=[tabletop/lift,tabletop/push] output=reports/comparison/lift+push"
    )


def test_a_second_call_asks_for_what_is_missing_and_makes_no_page_again(compared):
    run, calls = compare(compared)
    assert run.returncode == 0, run.stderr
    assert stages(calls) == ["experiment"]


def test_a_new_result_makes_its_pages_again(compared):
    metrics = compared / "runs/tabletop/push/cal_ql/seed1/evaluate/metrics.json"
    metrics.unlink()
    _, calls = compare(compared)
    assert stages(calls) == ["experiment", "report", "compare"]
    assert calls[1] == "report task=push"


def test_after_a_failure_there_is_no_page_and_the_same_command_goes_on(project):
    run, calls = compare(project, BROKEN="experiment")
    assert run.returncode != 0
    assert "the same command goes on" in run.stderr
    assert stages(calls)[-1] == "experiment"
    run, calls = compare(project)
    assert stages(calls) == ["experiment", "report", "report", "compare"]


def test_sac_wants_no_demonstrations_that_nobody_has(project):
    plan = {
        algo: subprocess.run(
            ["make", "--dry-run", "evaluate", "TASK=gym/AdroitHandDoor-v1", f"ALGO={algo}"],
            cwd=project, capture_output=True, text=True, check=True,
        ).stdout
        for algo in ("sac", "rlpd")
    }  # fmt: skip
    assert "calql-vision finetune" in plan["sac"]
    assert "calql-vision collect" not in plan["sac"]
    assert "calql-vision collect" in plan["rlpd"]
