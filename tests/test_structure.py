"""The shape of the project: floors, packages, lock file, wheel."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS
from calql_vision.agents.config import online_config
from calql_vision.cli import STAGES
from calql_vision.cli.configuration import composed, group_choices, register
from calql_vision.stages.pretrain import PretrainConfig

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {f"calql_vision.{folder}": folder for folder in ("encoders", "datasets", "configs")}

#: What each floor is made of, lowest first; imports go down or stay on the floor.
FLOORS = [
    {"types", "configs", "__init__"},
    {"encoders", "datasets"},
    {"agents", "envs", "formats"},
    {"runs"},
    {"engine", "analysis"},
    {"figures"},
    {"stages"},
    {"cli"},
    {"__main__"},
]
#: Rooms that must not know each other.
STRANGERS = [
    ("agents", "datasets"),
    ("agents", "envs"),
    ("agents", "formats"),
    ("datasets", "envs"),
    ("formats", "envs"),
    ("runs", "agents"),
    ("runs", "envs"),
    ("analysis", "agents"),
    ("analysis", "engine"),
    ("figures", "agents"),
    ("figures", "engine"),
]
MOST = 12  # entries at the top, besides `__init__` and `__main__`


def modules() -> dict[str, Path]:
    """Dotted name below calql_vision, of every source file."""
    found = {}
    for folder, prefix in {"calql_vision": "", **{f: f"{f}." for f in FOLDERS.values()}}.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            found[f"{prefix}{name}".strip(".") or "__init__"] = path
    return found


MODULES = modules()


def imported(path: Path) -> set[str]:
    """The modules below calql_vision that a file imports, at its top or within a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {name if below(name) in MODULES else node.module for name in whole}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {below(name) or "__init__" for name in names if name.split(".")[0] == "calql_vision"}


def below(name: str) -> str:
    return name.partition(".")[2]


def room(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if room(name) in names)


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_go_down(name):
    if name == "__init__":
        return  # the front door: it names what lies on every floor, and imports what is asked for
    for other in imported(MODULES[name]):
        assert floor(other) <= floor(name), f"{name} imports {other}"
        assert (room(name), room(other)) not in STRANGERS, f"{name} imports {other}"


def test_no_stage_imports_another():
    for name, path in MODULES.items():
        if room(name) == "stages" and name != "stages.experiment":  # which is made of the others
            others = imported(path)
            assert "stages" not in {room(other) for other in others}, name


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imported(path) - {name, "__init__"} for name, path in MODULES.items()}
    assert list(TopologicalSorter(graph).static_order())


def test_few_entries_stand_at_the_top():
    entries = {room(name) for name in MODULES} - {"__init__", "__main__", *FOLDERS.values()}
    assert len(entries) <= MOST, sorted(entries)


def test_every_stage_has_a_room_and_a_word():
    stages = {name.partition(".")[2] for name in MODULES if room(name) == "stages"} - {""}
    assert stages == {*STAGES, "doctor"}


def test_the_package_list_is_the_tree():
    stated = set(PROJECT["tool"]["setuptools"]["packages"])
    tops = {"calql_vision": "calql_vision", **FOLDERS}
    found = set()
    for package, folder in tops.items():
        for path in (ROOT / folder).rglob("__init__.py"):
            parts = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *parts)))
    assert found == stated


def test_every_configuration_file_lies_in_a_package():
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert (path.parent / "__init__.py").exists(), path


def test_the_lock_file_has_hashes_and_no_addresses():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > lock.count("==")


def test_the_wheel_works_without_the_checkout_and_leaves_other_packages_alone(tmp_path):
    names = build_wheel(tmp_path)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"calql_vision"}
    assert {"calql_vision/configs/algo/cal_ql.yaml", "calql_vision/py.typed"} <= set(names)
    where = python(tmp_path, "import calql_vision.datasets.returns as r; print(r.__file__)")
    assert Path(where.strip()) == tmp_path / "site/calql_vision/datasets/returns.py"
    page = python(tmp_path, "from calql_vision.cli import main; main()", "pretrain", "--help")
    assert "algo.penalty_weight" in page


def build_wheel(folder: Path) -> list[str]:
    """Build from a copy, which leaves no traces in the checkout; unpacked into folder/site."""
    copy = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("calql_vision", *FOLDERS.values()):
        shutil.copytree(ROOT / part, copy / part, ignore=ignore)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, copy / part)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    command += ["--outdir", str(folder), str(copy)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
        return archive.namelist()


def python(folder: Path, code: str, *words: str) -> str:
    """Output of isolated Python that finds calql_vision in folder/site."""
    code = f"import sys; sys.path.insert(0, {str(folder / 'site')!r}); {code}"
    command = [sys.executable, "-I", "-c", code, *words]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What make would do in `folder`, installation aside, without doing it."""
    for name in ("Makefile", "configs", "requirements.lock", "pyproject.toml"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").mkdir(exist_ok=True)
    (folder / ".venv/.ready").touch()
    command = ["make", "--dry-run", "--no-print-directory", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_make_knows_which_methods_need_no_pretraining(tmp_path):
    register("pretrain", PretrainConfig)
    configs = {
        name: OmegaConf.to_object(composed("pretrain", [f"algo={name}"])).algo
        for name in dict(group_choices(PretrainConfig()))["algo"]
    }
    for name, config in configs.items():
        planned = make(tmp_path, "finetune", f"ALGO={name}").stdout
        assert (" pretrain task=" in planned) is config.online.pretrained, name
    assert {config.name for config in configs.values()} == set(AGENTS), "a YAML for every row"


def test_make_goes_on_with_an_interrupted_run_and_replaces_an_outdated_one(tmp_path):
    folder = tmp_path / "runs/tabletop/lift/cal_ql/seed0/pretrain"
    folder.mkdir(parents=True)
    (folder / "state.pt").touch()
    planned = make(tmp_path, "pretrain").stdout
    assert " pretrain task=" in planned
    assert "overwrite=true" not in planned.rpartition(" pretrain task=")[2]
    (folder / "checkpoint.pt").touch()
    os.utime(folder / "checkpoint.pt", (0, 0))  # older than the demonstrations
    assert "overwrite=true" in make(tmp_path, "pretrain").stdout.rpartition(" pretrain task=")[2]


def test_make_uses_a_run_again_only_for_what_was_asked_when_it_was_made(tmp_path):
    made = tmp_path / "runs/tabletop/lift/cal_ql/seed0/asked"
    made.parent.mkdir(parents=True)
    made.write_text("SCALE=smoke ARGS=algo.tau=0.01\n")
    same = ("evaluate", "SCALE=smoke")
    assert make(tmp_path, *same, "ARGS=algo.tau=0.01 threads=1").returncode == 0
    for words in (("evaluate",), same, ("report", "SCALE=smoke", "ARGS=algo.tau=0.02")):
        refused = make(tmp_path, *words)
        assert refused.returncode != 0
        assert "was made with SCALE=smoke ARGS=algo.tau=0.01" in refused.stderr
    assert make(tmp_path, "help").returncode == 0


@pytest.mark.parametrize(
    ("name", "calibrated"), [("cql_sac", False), ("cal_ql_sac", True), ("wsrl", True)]
)
def test_the_penalty_of_these_ends_with_pretraining(name, calibrated):
    register("pretrain", PretrainConfig)
    offline = OmegaConf.to_object(composed("pretrain", [f"algo={name}"])).algo
    assert (offline.label, offline.calibrated) == (name, calibrated)
    assert offline.penalty_weight > 0 == online_config(offline).penalty_weight
