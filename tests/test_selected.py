"""The checkpoint that did best in the periodic evaluations stands beside the last one."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from calql_vision.analysis.summary import summary_rows
from calql_vision.cli.configuration import composed, register
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.figures.result_tables import results_table
from calql_vision.runs.layout import RunFolder
from calql_vision.runs.metrics import Column, MetricsTable
from calql_vision.runs.record import read_runs
from calql_vision.stages import evaluate, finetune

TINY = ("task=reach", "algo=sac", "scale=smoke", "task.image_size=8", "task.horizon=4")
TRAIN = ("encoder.features=4", "algo.hidden=[8]", "algo.batch_size=4", "threads=1",
         "task.effort=1", "scale.online_steps=24", "scale.evaluations=6",
         "scale.validation_episodes=8", "algo.online.random_steps=4")  # fmt: skip
FOLDER = RunFolder(Path("runs/tabletop/reach/sac/seed0"))


def call(stage, *words: str):
    name = stage.__name__.rpartition(".")[2]
    register(name, getattr(stage, f"{name.title()}Config"))
    return stage.run(OmegaConf.to_object(composed(name, [*TINY, *words])))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        call(finetune, *TRAIN)
        for which in ("last", "best"):
            call(evaluate, "episodes=2", "videos=0", f"which={which}")
    return folder


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.chdir(project)


def test_the_best_is_the_last_of_those_that_did_best_in_validation():
    curve = MetricsTable.load(FOLDER.training("finetune") / "metrics.csv").curve(
        Column.SUCCESS_RATE
    )
    trained = [(rate, step) for step, rate in zip(*curve, strict=True) if step > 0]
    best = Checkpoint.load(FOLDER.checkpoint("finetune", "best"))
    assert best.env_steps == max(trained)[1]
    assert best.selected
    assert not Checkpoint.load(FOLDER.checkpoint("finetune")).selected


def test_evaluate_says_which_it_took(capsys):
    for which, words in (("last", "last checkpoint of"), ("best", "selected in validation")):
        call(evaluate, "episodes=1", "videos=0", f"which={which}", f"output={which}")
        assert words in capsys.readouterr().out
    with pytest.raises(ValueError, match="which=worst: choose last or best"):
        call(evaluate, "which=worst")


def test_a_selected_checkpoint_is_known_wherever_it_lies(tmp_path):
    copy = tmp_path / "checkpoint.pt"
    copy.write_bytes(FOLDER.checkpoint("finetune", "best").read_bytes())
    call(evaluate, "episodes=3", "videos=0", f"checkpoint={copy}")
    (run,) = read_runs(Path("runs"), "tabletop/reach").runs
    assert run.selected["finetune"].evaluation.episodes == 3
    assert run.evaluations["finetune"].evaluation.episodes == 2


def test_a_page_reports_both_and_calls_selection_by_its_name():
    rows = summary_rows(read_runs(Path("runs"), "tabletop/reach"))
    headings = [column.heading for column in results_table(rows).columns]
    assert {"success after fine-tuning", "success of the selected checkpoint"} <= set(headings)
    notes = dict(results_table(rows).notes)
    assert "selected on those validation episodes" in notes["success of the selected checkpoint"]
