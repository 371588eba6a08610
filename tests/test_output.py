"""Laws of what may be written: what is not a stage's own stays as it is, and a sentence says so."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from platform import node

import pytest

from calql_vision import cli
from calql_vision.datasets.whole_file import OutputError, check_output, whole_file, whole_folder
from calql_vision.engine.finished_demos import FinishedDemos

TINY = ("task=reach", "scale=smoke", "task.image_size=8", "task.horizon=6")
LEARNER = ("algo=bc", "encoder.features=4", "algo.hidden=[8]", "algo.batch_size=4", "threads=1",
           "scale.updates=1", "scale.log_every=1", "scale.online_steps=2",
           "scale.validation_episodes=1")  # fmt: skip
#: What every stage is told, and a file that it writes in the folder `output`.
STAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "pretrain": ((*TINY, *LEARNER, "overwrite=true"), "tensorboard/somebody's.txt"),
    "finetune": ((*TINY, *LEARNER, "overwrite=true"), "checkpoint.pt"),
    "evaluate": (("task=reach", "algo=bc", "stage=pretrain", "episodes=1"), "episodes.mp4"),
    "diagnose": (("task=reach", "algo=bc"), "diagnosis.json"),
    "report": (("task=reach",), "index.html"),
    "compare": (("tasks=[tabletop/reach]",), "index.html"),
}


def call(stage: str, *words: str) -> str | None:
    """What the program says on its way out; None where all is well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["calql-vision", stage, *words])
        try:
            cli.main()
        except SystemExit as ended:
            return str(ended.code)
    return None


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A run in the folders where stages write by themselves."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call("collect", *TINY, "scale.episodes=2") is None
        assert call("pretrain", *TINY, *LEARNER) is None
    return folder


@pytest.mark.parametrize("output", [whole_file, whole_folder])
def test_contents_are_on_disk_before_they_have_their_name(output, tmp_path, monkeypatch):
    target, flushed = tmp_path / "output", []

    def fsync(number: int) -> None:
        assert not target.exists()
        flushed.append(os.fstat(number).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    with output(target) as partial:
        (partial if output is whole_file else partial / "inner").write_text("contents")
    assert flushed == [(target if output is whole_file else target / "inner").stat().st_ino]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_replaces_its_own_results_and_nobody_elses(stage, project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    words, name = STAGES[stage]
    foreign = tmp_path / "mine" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("years of work")
    said = call(stage, *words, f"output={tmp_path / 'mine'}")
    assert said is not None
    assert "was not written by this stage and would be lost; choose another" in said
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [foreign]
    assert foreign.read_text() == "years of work"
    for _ in range(2):
        assert call(stage, *words, f"output={tmp_path / 'ours'}") is None


def test_a_contact_sheet_takes_no_other_pictures_place(project, monkeypatch, tmp_path):
    monkeypatch.chdir(project)
    picture = tmp_path / "holiday.png"
    picture.write_bytes(b"the sea")
    assert "would be lost" in str(call("inspect", "task=reach", f"contact_sheet={picture}"))
    assert picture.read_bytes() == b"the sea"
    for _ in range(2):
        assert call("inspect", "task=reach", f"contact_sheet={tmp_path / 'sheet.png'}") is None


def odd_places(folder: Path) -> dict[str, Path]:
    """A folder, a pipe, a socket and a link, each of which a rename would replace."""
    places = {name: folder / name for name in ("folder", "pipe", "socket", "link")}
    places["folder"].mkdir()
    os.mkfifo(places["pipe"])
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(places["socket"]))
    places["link"].symlink_to(folder / "elsewhere.hdf5")
    return places


def facts(place: Path) -> tuple[int, int, int]:
    found = place.lstat()
    return found.st_ino, found.st_mode, found.st_mtime_ns


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "link"])
def test_a_file_takes_the_place_of_files_alone(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = odd_places(Path())[kind]
    before = facts(place)
    with pytest.raises(OutputError, match=f"^{kind} is a"), whole_file(place) as partial:
        partial.write_text("ours")
    said = str(call("collect", *TINY, f"output={place}", "overwrite=true"))
    assert f"{kind} is a" in said
    assert facts(place) == before
    assert {path.name for path in Path().iterdir()} == {"folder", "pipe", "socket", "link"}


def test_a_folder_takes_the_place_of_folders_alone(tmp_path):
    for kind, place in odd_places(tmp_path).items():
        if kind != "folder":
            with pytest.raises(OutputError), whole_folder(place):
                pass
    (tmp_path / "file").write_text("mine")
    with (
        pytest.raises(OutputError, match="is a file, not a folder"),
        whole_folder(tmp_path / "file"),
    ):
        pass


def test_where_no_file_can_be_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"file is a file, so .*a\.hdf5 cannot be in it"):
        check_output(tmp_path / "file/deeper/a.hdf5", overwrite=True)


def test_what_killed_processes_of_this_machine_left_is_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [f"{node()}.{ended.pid}", f"{node()}.{os.getppid()}", f"elsewhere.{ended.pid}"]
    places = [tmp_path / f".a.json.{name}.partial" for name in left]
    for place in places:
        place.write_text("half")
    with whole_file(tmp_path / "a.json") as partial:
        partial.write_text("whole")
    assert [place.exists() for place in places] == [False, True, True]
    folder = tmp_path / f".b.{node()}.{ended.pid}.partial"
    folder.mkdir()
    with whole_folder(tmp_path / "b"):
        assert not folder.exists()


def test_a_foreign_folder_of_parts_is_left_alone(tmp_path):
    """`convert` keeps what an interrupted conversion has done in <output>.parts."""
    (tmp_path / "a.hdf5.parts").mkdir()
    (tmp_path / "a.hdf5.parts/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not of an interrupted conversion"):
        FinishedDemos(tmp_path / "a.hdf5", {"source": 1})
    assert (tmp_path / "a.hdf5.parts/notes.txt").read_text() == "mine"
    (tmp_path / "b.hdf5.parts").mkdir()
    (tmp_path / "b.hdf5.parts/.identity.json.1.partial").write_text("killed")
    FinishedDemos(tmp_path / "b.hdf5", {"source": 1}).remove()
