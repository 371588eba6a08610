"""The shape of the project: floors, packages, lock file, wheel."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS
from calql_vision.agents.config import online_config
from calql_vision.configuration import composed, group_choices, register
from calql_vision.stages.pretrain import PretrainConfig

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {"calql_vision.encoders": "encoders", "calql_vision.datasets": "datasets"}

#: What each floor is made of, lowest first; imports go down or stay on the floor.
FLOORS = [
    {"types", "seeds", "rendering", "device", "__init__"},
    {"networks", "losses", "encoders", "datasets"},
    {"formats"},
    {"agents", "envs"},
    {"rollout", "learn", "policy", "evaluation", "checkpoint", "metrics", "video"},
    {"values", "statistics", "switch"},
    {"diagnosis", "examination"},
    {
        "results",
        "spread",
        "timeline",
        "figures",
        "figures_diagnosis",
        "figures_tasks",
        "figure_style",
    },
    {"configuration", "stages"},
    {"cli", "__main__"},
]
#: Neighbours that must not know each other.
STRANGERS = [("agents", "datasets"), ("agents", "envs"), ("datasets", "envs")]


def sources() -> list[tuple[str, Path]]:
    """(module's first name below calql_vision, file) of every source file."""
    found = []
    for path in (ROOT / "calql_vision").rglob("*.py"):
        found.append((path.relative_to(ROOT / "calql_vision").parts[0].removesuffix(".py"), path))
    for folder in ("encoders", "datasets"):
        found += [(folder, path) for path in (ROOT / folder).rglob("*.py")]
    return found


def imported(path: Path) -> set[str]:
    """First names below calql_vision that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names |= {m.split(".")[1] for m in modules if m.startswith("calql_vision.")}
    return names


def floor(name: str) -> int:
    return next(number for number, names in enumerate(FLOORS) if name in names)


@pytest.mark.parametrize(("name", "path"), sources(), ids=lambda value: str(value)[-40:])
def test_imports_only_go_down(name, path):
    for other in imported(path):
        assert floor(other) <= floor(name), f"{path.name} imports {other}"
        assert (name, other) not in STRANGERS


def test_the_package_list_is_the_tree():
    stated = set(PROJECT["tool"]["setuptools"]["packages"])
    tops = {"calql_vision": "calql_vision", **FOLDERS, "calql_vision.configs": "configs"}
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
    assert "calql_vision/configs/algo/cal_ql.yaml" in names
    where = python(tmp_path, "import calql_vision.datasets.returns as r; print(r.__file__)")
    assert Path(where.strip()) == tmp_path / "site/calql_vision/datasets/returns.py"
    page = python(tmp_path, "from calql_vision.cli import main; main()", "pretrain", "--help")
    assert "algo.penalty_weight" in page


def build_wheel(folder: Path) -> list[str]:
    """Build from a copy, which leaves no traces in the checkout; unpacked into folder/site."""
    copy = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("calql_vision", "encoders", "datasets", "configs"):
        shutil.copytree(ROOT / part, copy / part, ignore=ignore)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, copy / part)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, copy]
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


def test_make_knows_which_methods_need_no_pretraining():
    makefile = (ROOT / "Makefile").read_text()
    (line,) = [line for line in makefile.splitlines() if line.startswith("ONLINE_ONLY")]
    register("pretrain", PretrainConfig)
    names = dict(group_choices(PretrainConfig()))["algo"]
    configs = {
        name: OmegaConf.to_object(composed("pretrain", [f"algo={name}"])).algo for name in names
    }
    fresh = {name for name, config in configs.items() if not config.online.pretrained}
    assert set(line.partition(":=")[2].split()) == fresh
    assert {config.name for config in configs.values()} == set(AGENTS), "a YAML for every row"


@pytest.mark.parametrize(
    ("name", "calibrated"), [("cql_sac", False), ("cal_ql_sac", True), ("wsrl", True)]
)
def test_the_penalty_of_these_ends_with_pretraining(name, calibrated):
    register("pretrain", PretrainConfig)
    offline = OmegaConf.to_object(composed("pretrain", [f"algo={name}"])).algo
    assert (offline.label, offline.calibrated) == (name, calibrated)
    assert offline.penalty_weight > 0 == online_config(offline).penalty_weight
