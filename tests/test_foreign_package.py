"""A package of other people adds one of everything, and all stages run with it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from calql_vision.cli import search_path
from calql_vision.datasets.hdf5 import read_episodes
from calql_vision.runs.checkpoint import CheckpointFile
from calql_vision.runs.config import RunConfig

SOURCE = Path(__file__).parent / "foreign_package"
#: One process for all command lines, because a new one spends seconds on imports.
RUN = """
import shlex, sys
from calql_vision.cli import main
failed = False
for line in sys.argv[1:]:
    if line == "imported?":
        print("imported", "example_lab" in sys.modules)
        continue
    sys.argv = ["calql-vision", *shlex.split(line)]
    try:
        main()
    except SystemExit as stop:
        print(stop.code, file=sys.stderr)
        failed = True
sys.exit(failed)
"""
WORDS = "task=point/goal scale=smoke"
AGENT = f"{WORDS} algo=squared_error"
TINY = "algo.hidden=[8] algo.batch_size=8 encoder=pooled encoder.cells=4"


def install(site: Path, entry_points: dict[str, dict[str, str]] | None = None) -> Path:
    """What pip leaves of the package in `site`; perhaps with other entry points."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    shutil.copytree(SOURCE / "example_lab", site / "example_lab")
    info = site / f"example_lab-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, rows in (entry_points or project["entry-points"]).items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in rows.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return site


def call(site: Path, folder: Path, *lines: str) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", RUN, *lines],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder in which every stage has run with what the package adds."""
    folder = tmp_path_factory.mktemp("foreign")
    run = call(
        install(folder / "site"),
        folder / "work",
        f"collect {WORDS}",
        "inspect task=point/goal",
        f"pretrain {AGENT} {TINY}",
        f"finetune {AGENT} {TINY}",
        f"evaluate {AGENT} videos=1",
        f"diagnose {AGENT}",
        "report task=point/goal",
        "convert source=data/point/goal.hdf5 format=tensor_file output=all.pt",
        "convert source=all.pt output=again.hdf5",
    )
    assert run.returncode == 0, run.stderr
    return folder / "work"


def test_all_stages_run_with_what_the_package_adds(work):
    place = work / "runs/point/goal/squared_error/seed0"
    for stage in ("pretrain", "finetune"):
        assert (place / stage / "checkpoint.pt").is_file()
    assert (place / "evaluate/metrics.json").is_file()
    assert (work / "reports/point/goal/index.html").is_file()


def test_options_are_those_of_its_own_classes_and_yaml(work):
    folder = work / "runs/point/goal/squared_error/seed0/finetune"
    stored = RunConfig.load(folder / "config.yaml")
    assert stored.algo["decay"] == 0.001
    assert (stored.encoder["cells"], stored.encoder["features"]) == (4, 32)
    assert CheckpointFile.load(folder / "checkpoint.pt").spec.image_size == (16, 16)


def test_what_went_out_in_its_format_comes_back_alike(work):
    files = (work / "data/point/goal.hdf5", work / "again.hdf5")
    first, second = (list(read_episodes(file)) for file in files)
    assert len(first) == len(second) == 6
    for one, other in zip(first, second, strict=True):
        assert one.success == other.success
        np.testing.assert_array_equal(one.images[:-1], other.images[: len(one)])
        np.testing.assert_array_equal(one.actions, other.actions)


def test_nothing_is_imported_until_its_name_is_asked_for_and_help_lists_it(tmp_path):
    run = call(
        install(tmp_path / "site"),
        tmp_path / "work",
        "collect task=reach scale=smoke scale.episodes=1 task.image_size=16",
        "convert source=data/tabletop/reach.hdf5 image_size=16",
        "pretrain --help",
        "imported?",
        "pretrain --help algo=squared_error",
        f"collect {WORDS}",
        "imported?",
    )
    assert run.returncode == 0, run.stderr
    assert "imported False" in run.stdout
    assert run.stdout.rstrip().endswith("imported True")
    for name in ("squared_error", "pooled", "point/goal"):
        assert name in run.stdout


#: Faults of a package, and what asks for them -> what is said.
FAULTS = {
    "calql_vision.algorithms": {"squared_error": "example_lab.lost:ALGORITHM"},
    "calql_vision.encoders": {"cnn": "example_lab.pooled:PooledConfig"},
    "calql_vision.environments": {"lost": "example_lab.point:family"},
    "calql_vision.formats": {"odd": "example_lab.tensor_file:TensorFile"},
    "calql_vision.configs": {"example_lab": "example_lab.configs"},
}
SENTENCES = {
    "pretrain algo=squared_error encoder=impala": "error: the package example-lab, which adds "
    "'squared_error' to calql_vision.algorithms .*cannot be imported: ModuleNotFoundError.*lost",
    "pretrain encoder=cnn": "error: calql-vision and the package example-lab both have 'cnn'",
    "collect task.name=lost/goal": "error: the package example-lab, which adds 'lost' .*'family'",
    "convert source=. format=odd": "error: the package example-lab, .*TensorFile.* not Format",
}


def test_a_broken_package_is_named_in_a_sentence(tmp_path):
    run = call(install(tmp_path / "site", FAULTS), tmp_path / "work", *SENTENCES)
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    for found, expected in zip(run.stderr.splitlines(), SENTENCES.values(), strict=True):
        assert re.match(expected, found), found
    assert list((tmp_path / "work").iterdir()) == []


def test_configurations_that_are_lost_or_have_our_names_are_refused(tmp_path):
    lost = {"calql_vision.configs": {"example_lab": "example_lab.yaml"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_path, "declared", lambda group: entries(lost, group))
        patch.syspath_prepend(install(tmp_path / "site"))
        search_path.config_folders.cache_clear()
        with pytest.raises(ValueError, match=r"example_lab\.yaml, an entry point.*no folder"):
            search_path.config_folders()
        lost["calql_vision.configs"]["example_lab"] = "example_lab.configs"
        lift = tmp_path / "site/example_lab/configs/task/lift.yaml"
        lift.write_text("name: point/goal")
        with pytest.raises(ValueError, match=r"lift\.yaml has the name of .*lift\.yaml"):
            search_path.config_folders()
    search_path.config_folders.cache_clear()


def entries(declared: dict[str, dict[str, str]], group: str) -> list[EntryPoint]:
    return [EntryPoint(name, value, group) for name, value in declared.get(group, {}).items()]


def test_the_page_on_extending_shows_all_of_it():
    root = SOURCE.parent.parent
    page = (root / "docs/extending.md").read_text()
    shown = set(re.findall(r'^file: "(\S+)"$', page, re.MULTILINE))
    files = {path for path in SOURCE.rglob("*") if path.suffix in (".py", ".toml", ".yaml")}
    assert {str(path.relative_to(root)) for path in files if path.name != "__init__.py"} <= shown
