"""What README and docs tell people to type works, as it stands there.

Every `sh` and `python` block runs, page by page, in a folder in which README's `make demo` has run
before. A comment in the block, which readers see, may shorten it or say why it is not run here:

    # tested with: scale=smoke episodes=2      words added to each command that takes them
    # not tested: needs a GPU                  begins with one of REASONS, or names a test
"""

import ast
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from calql_vision import cli
from calql_vision.cli import STAGES
from calql_vision.cli.configuration import check_overrides, offer_tasks, register
from calql_vision.envs.rendering import load_mujoco

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"sh", "python", "toml", "yaml", "text"}
REASONS = (
    "downloads",
    "installs",
    "needs a GPU",
    "needs Docker",
    "needs several machines",
    "runs these tests",
    "stays open",
    "takes hours",
    "takes minutes",
)
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def marked(self, what: str) -> str:
        """What a comment of the block says, or nothing."""
        found = re.search(rf"^ *# {what}: (.*)$", self.text, re.MULTILINE)
        return found[1].strip() if found else ""

    @property
    def quotes(self) -> bool:
        """Whether the site fills it with lines of the program."""
        return bool(re.match(r"(source|file): \S+$", self.text.strip()))

    def commands(self) -> list[str]:
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def blocks(page: Path) -> list[Block]:
    found = _BLOCK.findall(page.read_text())
    return [Block(page, language, text) for _, language, text in found]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


# What can be read without running ------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_block_says_what_it_is_and_why_it_is_not_run(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, block.text
        reason = block.marked("not tested")
        assert not reason or reason.startswith(REASONS) or runs_elsewhere(reason), reason


def runs_elsewhere(reason: str) -> bool:
    """Whether it names a test file that is there."""
    found = re.search(r"tests/\w+\.py", reason)
    return found is not None and (ROOT / found[0]).is_file()


def test_what_is_not_run_is_listed():
    """`pytest -s -k listed` prints it."""
    left_out = [block for page in PAGES for block in blocks(page) if block.marked("not tested")]
    for block in left_out:
        for command in block.commands():
            print(f"{name(block.page)}: {command} ({block.marked('not tested')})")
    assert left_out


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name)
def test_what_a_page_names_is_there(page):
    """Links to files, paths of the project, and keys of `calql-vision` in running text."""
    text = _BLOCK.sub("", page.read_text())
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    spans = re.findall(r"`([^`\n]+)`", text)
    inside = r"(?:calql_vision|encoders|datasets|configs|tests|examples|benchmarks|docs)/[\w./]+"
    paths = [span for span in spans if re.fullmatch(inside, span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    for span in spans:
        program, *words = shlex.split(span) if span.startswith("calql-vision ") else [""]
        if program and words[0] in STAGES:
            prepared(words[0], words[1:])


def prepared(stage: str, words: list[str]) -> None:
    """ValueError for a key that the stage does not have."""
    register(stage, getattr(import_module(STAGES[stage].module), STAGES[stage].config))
    offer_tasks(words)
    check_overrides(stage, [word for word in words if "..." not in word])


def test_a_sentence_of_troubleshooting_is_one_that_the_program_says():
    """Its parts between `...` stand in the code, as they are."""
    trees = [ast.parse(path.read_text()) for path in sources()]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    said = [node.value for node in nodes if isinstance(node.value, str)]
    for block in blocks(ROOT / "docs/troubleshooting.md"):
        for line in block.text.splitlines() if block.language == "text" else []:
            sentence = re.sub(r"^(error|warning): |^! ", "", line)
            parts = [part.strip(" '()[],.?:") for part in re.split(r"\.\.\.|[;:] ", sentence)]
            assert [p for p in parts if not any(p in text for text in said)] == [], line


def sources() -> Iterator[Path]:
    for folder in ("calql_vision", "datasets", "encoders", "configs"):
        yield from (ROOT / folder).rglob("*.py")


# What readers have already --------------------------------------------------------------------


def robomimic_file(path: Path) -> None:
    """States alone, which robosuite 1.4.1 and robomimic wrote."""
    with zipfile.ZipFile(ROOT / "tests/robosuite_1_4/recordings.zip") as packed:
        path.write_bytes(packed.read("lift.hdf5"))


def robosuite_recordings(folder: Path) -> None:
    """Four steps, as robosuite's own wrapper records them."""
    load_mujoco()
    import robosuite
    from robosuite.wrappers import DataCollectionWrapper

    env = robosuite.make("Lift", robots="Panda", has_offscreen_renderer=False, use_camera_obs=False)
    env = DataCollectionWrapper(env, str(folder))
    env.reset()
    for _ in range(4):
        env.step(np.full(7, 0.1))
    env.close()


def lerobot_dataset(folder: Path) -> None:
    with zipfile.ZipFile(ROOT / "tests/lerobot_v3/dataset.zip") as packed:
        packed.extractall(folder)


#: What a page's commands read and no command of it has made.
GIVEN: dict[str, dict[str, Callable[[Path], None]]] = {
    "docs/own-data.md": {"pusht": lerobot_dataset},
    "docs/robomimic.md": {"demo.hdf5": robomimic_file, "recordings": robosuite_recordings},
}

# Running it --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A checkout in which everything of README has run."""
    folder = tmp_path_factory.mktemp("demo") / "calql-vision"
    folder.mkdir()
    for part in ("Makefile", "configs", "docs", "examples", "pyproject.toml", "requirements.lock"):
        (folder / part).symlink_to(ROOT / part)
    (folder / ".venv").mkdir()
    for part in set(os.listdir(sys.prefix)) - {".ready"}:
        (folder / ".venv" / part).symlink_to(Path(sys.prefix, part))
    (folder / ".venv/.ready").touch()
    for block in blocks(ROOT / "README.md"):
        run_commands(block, folder)
    return folder


RUN = [page for page in PAGES if any(block.language in ("sh", "python") for block in blocks(page))]


@pytest.mark.parametrize("page", RUN, ids=name)
def test_a_page_does_what_it_says(page, demo, tmp_path, monkeypatch):
    folder = tmp_path / "calql-vision"
    shutil.copytree(demo, folder, symlinks=True)
    monkeypatch.chdir(folder)
    for place, make in GIVEN.get(name(page), {}).items():
        make(folder / place)
    names: dict[str, object] = {"__name__": name(page)}
    for block in blocks(page) if page != ROOT / "README.md" else []:
        if block.marked("not tested") or block.quotes:
            continue
        if block.language == "python":
            exec(compile(block.text, name(page), "exec"), names)
        elif block.language == "sh":
            run_commands(block, folder)


def run_commands(block: Block, folder: Path) -> None:
    """Each command of a block; AssertionError for one that fails."""
    for command in [] if block.marked("not tested") else block.commands():
        program, *words = shlex.split(command, comments=True)
        further = shlex.split(block.marked("tested with"))
        place, argv = os.getcwd(), sys.argv
        os.chdir(folder)
        try:
            _RUNNERS.get(program, shell)(command, words, further)
        except SystemExit as stop:
            if stop.code:
                pytest.fail(f"{name(block.page)}: {command}: {stop.code}")
        finally:
            os.chdir(place)
            sys.argv = argv


def calql_vision(command: str, words: list[str], further: list[str]) -> None:
    """In this process, because a new one spends seconds on imports."""
    stage = STAGES.get(words[0])
    config = getattr(import_module(stage.module), stage.config) if stage else None
    keys = {field.name for field in fields(config)} if config else set()
    fitting = [word for word in further if re.split(r"[.=]", word.lstrip("+"))[0] in keys]
    sys.argv = ["calql-vision", *words, *(fitting if "--help" not in words else [])]
    cli.main()


def python(command: str, words: list[str], further: list[str]) -> None:
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


def shell(command: str, words: list[str], further: list[str]) -> None:
    """Make, and whatever else a person types."""
    made = f"{shlex.join(['make', *words, *further])}" if command.startswith("make ") else command
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    run = subprocess.run(
        ["bash", "-c", made], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"


_RUNNERS: dict[str, Callable[[str, list[str], list[str]], None]] = {
    "calql-vision": calql_vision,
    "python": python,
}
