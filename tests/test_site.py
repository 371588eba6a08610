"""The documentation site: it builds strictly, and what it takes from the program is there."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS
from calql_vision.cli import STAGES
from calql_vision.cli.configuration import composed, register, rows

ROOT = Path(__file__).parent.parent


def build(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    run = build(folder)
    assert run.returncode == 0, run.stderr
    return folder


def pages(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text() for path in site.rglob("*.html")}


def test_every_page_of_the_folder_is_built(site):
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").with_suffix("")
        folder = site / (name.parent if name.name in ("index", "README") else name)
        assert (folder / "index.html").is_file(), path


def test_no_page_asks_another_server_for_anything(site):
    for name, text in pages(site).items():
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=.?https?://[^ >]+", text)
        assert not [tag for tag in loaded if 'rel="canonical"' not in tag], name


def test_what_pages_take_from_the_program_has_arrived(site):
    for name, text in pages(site).items():
        assert "arithmatex" not in text, name
        assert not re.search(r"^(source: calql_vision|file: &quot;)", text, re.MULTILINE), name


def test_every_option_of_the_program_is_in_the_reference(site):
    text = (site / "configuration/index.html").read_text()
    for stage, place in STAGES.items():
        register(stage, getattr(import_module(place.module), place.config))
        config = OmegaConf.to_object(composed(stage, []))
        assert [key for key, _, _ in rows(config) if f"<code>{key}</code>" not in text] == []
    for name in AGENTS:
        options = rows(AGENTS[name].options(), "algo.")
        assert [key for key, _, _ in options if f"<code>{key}</code>" not in text] == []
