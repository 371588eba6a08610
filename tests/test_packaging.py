"""What the project says about itself agrees with what it is."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from calql_vision import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: Files, and the extras beside the dependencies whose packages they may import. Scripts in folders
#: of their own below tests/ ran elsewhere, once.
FILES = {
    "package": (["calql_vision/**", "encoders", "datasets"], set(EXTRAS) - {"dev"}),
    "tests": (["tests", "benchmarks", "examples", "docs/hooks"], set(EXTRAS)),
}


def test_one_version_stands_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert __version__ == PROJECT["version"] == citation["version"]
    assert citation["license"] == PROJECT["license"]


@pytest.mark.parametrize(("folders", "extras"), FILES.values(), ids=FILES)
def test_every_import_is_declared(folders, extras):
    requirements = sum((EXTRAS[extra] for extra in extras), PROJECT["dependencies"])
    declared = {canonical(re.match(r"[\w.-]+", line)[0]) for line in requirements}
    installed = packages_distributions() | {"rerun": ["rerun-sdk"]}  # found through a .pth file
    for path in (path for folder in folders for path in ROOT.glob(f"{folder}/*.py")):
        ours = {other.stem for other in path.parent.glob("*.py")} | {"calql_vision", "tests"}
        for name in imported(path) - sys.stdlib_module_names - ours:
            providers = {canonical(provider) for provider in installed.get(name, [name])}
            assert providers & declared, f"{path.relative_to(ROOT)} imports {name}, not declared"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path) -> set[str]:
    """First names of all modules that a file imports, those inside functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
