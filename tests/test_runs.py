"""Laws of the record of a run: who wrote what, read back by the same classes."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from calql_vision.analysis.outcome import final_success, offline_success
from calql_vision.datasets.env_args import read_command
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.runs.checkpoint import CheckpointFile
from calql_vision.runs.config import RunConfig
from calql_vision.runs.diagnosis import Diagnosis
from calql_vision.runs.evaluation import EvaluatedCheckpoint, Evaluation
from calql_vision.runs.launch import Launch, typed
from calql_vision.runs.layout import TRAINING_STAGES, RunFolder
from calql_vision.runs.metrics import Column, MetricsFile, MetricsTable
from calql_vision.runs.record import read_runs

TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
LEARNER = ("encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1",
           "scale.updates=4", "scale.online_steps=20", "scale.validation_episodes=1")  # fmt: skip
TASK = "tabletop/lift"
FOLDER = RunFolder(Path("runs") / TASK / "cal_ql/seed0")


def call(*words: str, folder: Path) -> None:
    command = [sys.executable, "-m", "calql_vision", *words]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Everything by the command line; the pre-training went to a folder of another name."""
    folder = tmp_path_factory.mktemp("project")
    call("collect", *TINY, "scale.episodes=3", folder=folder)
    call("pretrain", *TINY, *LEARNER, "output=here", folder=folder)
    call("finetune", *TINY, *LEARNER, "checkpoint=here/checkpoint.pt", folder=folder)
    for words in ([], ["checkpoint=here/checkpoint.pt"]):
        call("evaluate", *TINY, "episodes=2", "videos=0", *words, folder=folder)
    call("diagnose", *TINY, "episodes=1", "filter_key=null", folder=folder)
    return folder


@pytest.fixture
def in_project(project, monkeypatch):
    monkeypatch.chdir(project)
    return project


def test_a_checkpoint_knows_its_stage_wherever_it_lies(in_project):
    """By its folder's name, evaluating `here/checkpoint.pt` would count as fine-tuned."""
    assert CheckpointFile.load(Path("here/checkpoint.pt")).stage == "pretrain"
    (run,) = read_runs(Path("runs"), TASK).runs
    assert run.evaluations["pretrain"].checkpoint == "here/checkpoint.pt"
    assert run.evaluations["finetune"].checkpoint == str(FOLDER.checkpoint("finetune"))
    assert (offline_success(run).episodes, final_success(run).episodes) == (2, 2)


def test_commands_are_kept_as_they_were_typed(in_project):
    (run,) = read_runs(Path("runs"), TASK).runs
    finetune, *evaluations, diagnose = (shlex.split(command) for command in run.commands)
    words = [*TINY, *LEARNER, "checkpoint=here/checkpoint.pt"]
    assert finetune == ["calql-vision", "finetune", *words]
    assert [words[1] for words in evaluations] == ["evaluate", "evaluate"]
    assert diagnose[1:] == ["diagnose", *TINY, "episodes=1", "filter_key=null"]
    collect = read_command(f"data/{TASK}.hdf5")
    assert shlex.split(collect) == ["calql-vision", "collect", *TINY, "scale.episodes=3"]


def test_every_job_of_a_multirun_keeps_its_own_command(tmp_path):
    words = ("scale=smoke", "scale.episodes=1", "task.image_size=16")
    call("collect", "-m", "task=lift,reach", *words, folder=tmp_path)
    for task in ("lift", "reach"):
        command = read_command(tmp_path / f"data/tabletop/{task}.hdf5")
        assert shlex.split(command)[2:] == [f"task={task}", *words]


def test_the_files_give_the_configuration_back(in_project):
    stored = RunConfig.load(FOLDER.training("finetune") / "config.yaml")
    assert stored == CheckpointFile.load(FOLDER.checkpoint("finetune")).config
    assert (stored.task.name, stored.algo["name"], stored.scale.updates) == (TASK, "cal_ql", 4)
    assert stored.data_path == Path(f"data/{TASK}.hdf5")


def test_what_was_written_before_formats_were_numbered_is_still_read(in_project, tmp_path):
    """Format 1: no `format`, no `stage`, no `launch`."""
    run = tmp_path / TASK / "cal_ql/seed0"
    evaluation = json.loads((FOLDER.evaluation("finetune") / "metrics.json").read_text())
    diagnosis = json.loads((FOLDER.diagnosis / "diagnosis.json").read_text())
    for content in (evaluation, diagnosis):
        for key in ("format", "stage", "launch"):
            content.pop(key, None)
    for name, checkpoint in (("evaluate", "runs/finetune/a.pt"), ("evaluate_pretrain", "b.pt")):
        (run / name).mkdir(parents=True)
        old = evaluation | {"checkpoint": checkpoint}
        (run / name / "metrics.json").write_text(json.dumps(old))
    (run / "diagnose").mkdir()
    (run / "diagnose/diagnosis.json").write_text(json.dumps(diagnosis))
    arrays = (FOLDER.diagnosis / "calibration.npz").read_bytes()
    (run / "diagnose/calibration.npz").write_bytes(arrays)
    results = read_runs(tmp_path, TASK)
    assert results.warnings == []
    assert set(results.runs[0].evaluations) == set(TRAINING_STAGES)
    assert results.runs[0].diagnosis.measurement.episodes == 1
    assert results.runs[0].commands == []


@pytest.mark.parametrize("stage", TRAINING_STAGES)
def test_a_checkpoint_that_does_not_say_its_stage_still_acts(stage, in_project, tmp_path):
    source = {"pretrain": Path("here/checkpoint.pt"), "finetune": FOLDER.checkpoint("finetune")}
    content = torch.load(source[stage], weights_only=True)
    del content["stage"]
    torch.save(content, tmp_path / "old.pt")
    old, new = Checkpoint.load(tmp_path / "old.pt"), Checkpoint.load(source[stage])
    assert old.stage == new.stage == stage
    one, two = (each.build(torch.device("cpu")).state_dict() for each in (old, new))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_a_checkpoint_with_the_options_of_every_encoder_still_acts(in_project, tmp_path):
    """Format 2."""
    content = torch.load("here/checkpoint.pt", weights_only=True)
    encoder = content["encoder"] | {"weights": None}
    torch.save(content | {"format": 2, "encoder": encoder}, tmp_path / "old.pt")
    old, new = Checkpoint.load(tmp_path / "old.pt"), Checkpoint.load(Path("here/checkpoint.pt"))
    assert old.encoder == new.encoder
    assert old.build(torch.device("cpu")).encoder_config == CNNConfig(**new.encoder)


def test_other_formats_are_refused_in_a_sentence(in_project, tmp_path):
    content = torch.load("here/checkpoint.pt", weights_only=True)
    torch.save(content | {"format": 99}, tmp_path / "new.pt")
    with pytest.raises(ValueError, match=r"new\.pt is of format 99.*reads 2 and 3 and 4"):
        CheckpointFile.load(tmp_path / "new.pt")
    for source, load in (
        (FOLDER.training("finetune") / "launch.json", Launch.load),
        (FOLDER.evaluation("finetune") / "metrics.json", EvaluatedCheckpoint.load),
        (FOLDER.diagnosis / "diagnosis.json", Diagnosis.load),
    ):
        path = tmp_path / source.name
        path.write_text(json.dumps(json.loads(source.read_text()) | {"format": 99}))
        with pytest.raises(ValueError, match="is of format 99, and this calql-vision reads"):
            load(path)


def test_what_lies_beside_a_launch_of_another_format_is_left_out(tmp_path):
    folder = RunFolder(tmp_path / TASK / "cal_ql/seed0").training("pretrain")
    folder.mkdir(parents=True)
    MetricsFile(folder / "metrics.csv").append(1, {"td_loss": 0.5})
    (folder / "launch.json").write_text('{"format": 99}')
    results = read_runs(tmp_path, TASK)
    assert results.runs[0].training["pretrain"].metrics is None
    (warning,) = results.warnings
    assert "is of format 99" in warning


def test_an_evaluation_comes_back_as_it_was(tmp_path):
    evaluation = Evaluation(np.array([True, False]), np.array([1.0, 0.0]), np.array([3, 12]))
    with typed("evaluate", ["task=lift", "algo.hidden=[1, 2]"]):
        written = EvaluatedCheckpoint("pretrain", "a.pt", evaluation, Launch.now("evaluate"))
    written.save(tmp_path)
    read = EvaluatedCheckpoint.load(tmp_path / "metrics.json")
    assert read.evaluation.to_dict() == evaluation.to_dict()
    assert (read.stage, read.checkpoint, read.launch) == ("pretrain", "a.pt", written.launch)
    assert shlex.split(read.launch.command)[-1] == "algo.hidden=[1, 2]"
    assert Launch.now("evaluate").command is None, "nobody typed this one"


def test_metrics_come_back_with_their_gaps(tmp_path):
    file = MetricsFile(tmp_path / "metrics.csv")
    file.append(1, {"td_loss": 0.5})
    file.append(2, {"td_loss": 0.25, Column.SUCCESS_RATE: 1.0})
    table = MetricsTable.load(tmp_path / "metrics.csv")
    assert [part.tolist() for part in table.curve("td_loss")] == [[1, 2], [0.5, 0.25]]
    assert [part.tolist() for part in table.curve(Column.SUCCESS_RATE)] == [[2], [1]]
    assert table.last_step == 2


def test_reading_and_analysing_runs_needs_neither_torch_nor_agents(in_project):
    code = """
import sys, pkgutil
from importlib import import_module
import calql_vision.analysis, calql_vision.runs
for package in (calql_vision.runs, calql_vision.analysis):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        import_module(module.name)
from pathlib import Path
from calql_vision.analysis.summary import summary_rows
from calql_vision.runs.record import read_runs
assert summary_rows(read_runs(Path("runs"), "tabletop/lift"))
heavy = ("torch", "mujoco", "calql_vision.agents", "calql_vision.engine", "calql_vision.envs")
print([name for name in heavy if name in sys.modules])
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == "[]", ended.stderr
