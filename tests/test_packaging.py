"""What the project says about itself agrees with what it is."""

import tomllib
from pathlib import Path

import yaml

from calql_vision import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_one_version_stands_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert __version__ == PROJECT["version"] == citation["version"]
    assert citation["license"] == PROJECT["license"]
