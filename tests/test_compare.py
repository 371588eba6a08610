"""Laws of `make compare`, with a program in the place of the stages that only notes its calls."""

import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STAGES = ("pretrain", "evaluate_pretrain", "finetune", "evaluate", "diagnose")
CELLS = [*product(("lift", "push"), ("cal_ql", "cql"), ("0", "1"))]

PROGRAM = """
import os, sys, time
from pathlib import Path
stage, *words = sys.argv[1:]
options = dict(word.split("=", 1) for word in words)
if options.get("stage") == "pretrain":
    stage = "evaluate_pretrain"
cell = [options.get(name, "") for name in ("task", "algo", "seed")]
if stage == "compare":
    cell = [options["tasks"], options["output"], ""]
def note(*what):
    with open("calls.txt", "a") as file:
        print(*what, stage, *cell, file=file)
note("begins")
print("what a stage says")
if os.environ.get("BROKEN") == " ".join([stage, *cell]):
    sys.exit(1)
assert os.environ["OMP_NUM_THREADS"] == "1"
assert options.get("threads") == {"pretrain": "1", "finetune": "1"}.get(stage)
time.sleep(0.05)
run = f"runs/tabletop/{cell[0]}/{cell[1]}/seed{cell[2]}"
path = Path({
    "collect": options.get("output"),
    "inspect": options.get("contact_sheet"),
    "evaluate": f"{run}/evaluate/metrics.json",
    "evaluate_pretrain": f"{run}/evaluate_pretrain/metrics.json",
    "compare": f"{options.get('output')}/index.html",
    "diagnose": f"{run}/diagnose/diagnosis.json",
    "report": f"reports/tabletop/{cell[0]}/index.html",
}.get(stage, f"{run}/{stage}/checkpoint.pt"))
path.parent.mkdir(parents=True, exist_ok=True)
path.touch()
note("ends")
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


def compare(
    project: Path, algos: str = "cal_ql cql", **environment: str
) -> tuple[subprocess.CompletedProcess, list[str]]:
    """What make said, and the new lines that the stages noted."""
    calls = project / "calls.txt"
    before = len(calls.read_text().splitlines()) if calls.exists() else 0
    run = subprocess.run(
        ["make", "compare", "TASKS=lift push", f"ALGOS={algos}", "SEEDS=0 1", "JOBS=3",
         f"RUN={sys.executable} -I -S program.py"],
        cwd=project, env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return run, calls.read_text().splitlines()[before:]


def began(calls: list[str]) -> list[str]:
    return [call.removeprefix("begins ") for call in calls if call.startswith("begins")]


def in_order(stages: list[str]) -> bool:
    """Pretrain, then finetune, then evaluate and diagnose; those two in any order."""
    last = stages.index("finetune") + 1
    return (
        stages[0] == "pretrain"
        and sorted(stages) == sorted(STAGES)
        and {"evaluate", "diagnose"} <= {*stages[last:]}
    )


def test_the_whole_matrix_runs_once_data_first_and_reports_last(first_call):
    _, run, calls = first_call
    assert run.returncode == 0, run.stderr
    stages = began(calls)
    assert [call.split()[0] for call in stages[:4]] == ["collect", "inspect"] * 2
    assert [call.split() for call in stages[-3:]] == [
        ["report", "lift"],
        ["report", "push"],
        ["compare", "[tabletop/lift,tabletop/push]", "reports/comparison/lift+push"],
    ]
    expected = [" ".join((stage, *cell)) for cell in CELLS for stage in STAGES]
    assert sorted(stages[4:-3]) == sorted(expected)
    for cell in CELLS:
        assert in_order([s.split()[0] for s in stages if s.split()[1:] == [*cell]])


def test_there_are_never_more_processes_than_jobs(first_call):
    running, most = 0, 0
    for call in first_call[2]:
        running += 1 if call.startswith("begins") else -1
        most = max(most, running)
    assert 1 < most <= 3


def test_a_second_call_does_nothing(compared):
    run, calls = compare(compared)
    assert (run.returncode, calls) == (0, [])


def test_what_a_stage_says_goes_to_its_log(first_call):
    project, run, _ = first_call
    assert "runs/tabletop/push/cql/seed1: done" in run.stdout
    assert (
        "what a stage says" not in run.stdout.partition("seed0: begins")[2].partition("report")[0]
    )
    log = (project / "runs/tabletop/push/cql/seed1/log.txt").read_text()
    assert log.count("what a stage says") == len(STAGES)


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


def test_a_failure_is_named_the_others_go_on_and_only_the_rest_is_run_again(project):
    run, calls = compare(project, BROKEN="finetune lift cql 1")
    assert run.returncode != 0
    assert "runs/tabletop/lift/cql/seed1: failed, see runs/tabletop/lift/cql/seed1/log.txt" in (
        run.stdout
    )
    assert len([call for call in began(calls) if call.startswith("evaluate ")]) == len(CELLS) - 1
    assert not (project / "reports").exists()
    run, calls = compare(project)
    assert run.returncode == 0
    *rest, one, two, three = began(calls)
    left = sorted(f"{stage} lift cql 1" for stage in ("finetune", "evaluate", "diagnose"))
    assert left == sorted(rest)
    assert [line.split()[0] for line in (one, two, three)] == ["report", "report", "compare"]


def test_one_more_seed_runs_that_seed_alone(compared):
    shutil.rmtree(compared / "runs/tabletop/push/cal_ql/seed1")
    _, calls = compare(compared)
    *stages, page, last = began(calls)
    assert in_order([stage.removesuffix(" push cal_ql 1") for stage in stages])
    assert page.split() == ["report", "push"]
    assert last.startswith("compare")


def test_methods_that_learn_online_alone_have_no_offline_evaluation(project):
    run, calls = compare(project, algos="sac")
    assert run.returncode == 0, run.stderr
    assert not [call for call in began(calls) if "pretrain" in call]
    assert len([call for call in began(calls) if call.startswith("finetune")]) == 4
