"""Laws of a cell: what is finished is kept, what is interrupted goes on."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from calql_vision.cli.configuration import composed, register
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.stages import collect, experiment, pretrain

CONFIGS = {"collect": collect.CollectConfig, "experiment": experiment.ExperimentConfig}
TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
CELL = (*TINY, "encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1",
        "task.effort=1", "scale.updates=6", "scale.online_steps=20", "scale.log_every=2",
        "scale.evaluations=1", "scale.validation_episodes=1", "scale.evaluation_episodes=2",
        "videos=1", "checkpoint_every=0")  # fmt: skip
OFFLINE = ["pretrain/checkpoint.pt", "evaluate_pretrain/metrics.json"]
ONLINE = ["finetune/checkpoint.pt", "evaluate/metrics.json", "diagnose/diagnosis.json"]


def config(stage: str, *overrides: str):
    register(stage, CONFIGS[stage])
    return OmegaConf.to_object(composed(stage, list(overrides)))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Where demonstrations lie and one cell is finished."""
    place = tmp_path_factory.mktemp("cell")
    path = place / "data/tabletop/lift.hdf5"
    collect.run(config("collect", *TINY, "scale.episodes=4", f"output={path}"))
    return place


@pytest.fixture
def cell(place, monkeypatch):
    """cell(*overrides) -> the folder of a finished cell."""
    monkeypatch.chdir(place)
    return lambda *overrides: experiment.run(config("experiment", *CELL, *overrides)).path


def times(folder: Path, results: list[str]) -> dict[str, float]:
    return {name: (folder / name).stat().st_mtime for name in results}


def test_a_cell_leaves_every_result_and_is_run_once(cell):
    folder = cell()
    before = times(folder, OFFLINE + ONLINE)
    assert (folder / "evaluate/episodes.mp4").exists()
    assert times(cell(), OFFLINE + ONLINE) == before


def test_a_missing_result_is_made_again_and_what_rests_on_it(cell):
    folder = cell()
    before = times(folder, OFFLINE + ONLINE)
    (folder / "evaluate/metrics.json").unlink()
    (folder / "finetune/checkpoint.pt").unlink()
    after = times(cell(), OFFLINE + ONLINE)
    assert {name for name in before if after[name] > before[name]} == set(ONLINE)


def test_a_method_without_pretraining_has_no_such_results(cell):
    folder = cell("algo=rlpd")
    assert all((folder / name).exists() for name in ONLINE)
    assert not any((folder / name).parent.exists() for name in OFFLINE)


def test_a_finished_run_with_other_options_is_refused(cell):
    folder = cell()
    before = times(folder, OFFLINE + ONLINE)
    with pytest.raises(ValueError, match=r"is finished, with algo\.tau=0\.005 instead of 0\.1"):
        cell("algo.tau=0.1")
    with pytest.raises(ValueError, match=r"leave it out, and give algo\.label"):
        cell("output=elsewhere")
    assert times(folder, OFFLINE + ONLINE) == before
    assert cell("threads=2") == folder, "threads change the time alone"


def test_an_interrupted_cell_goes_on_bit_for_bit(cell, monkeypatch, capsys):
    learn, calls = pretrain.learn, []

    def stopping(*arguments):
        calls.append(learn(*arguments))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return calls[-1]

    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "learn", stopping)
        with pytest.raises(KeyboardInterrupt):
            cell("algo.label=broken")
    broken = cell("algo.label=broken")
    assert "pretrain: resumes at update 2 of 6" in capsys.readouterr().out
    for name in (OFFLINE[0], ONLINE[0]):
        one, other = (Checkpoint.load(folder / name) for folder in (cell(), broken))
        assert one.checksum() == other.checksum()
