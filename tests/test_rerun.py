"""Laws of recordings for rerun's viewer, read back by rerun itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from calql_vision.agents import AGENTS, build_agent
from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.runs.config import RunConfig
from calql_vision.stages import inspect
from calql_vision.stages.inspect import InspectConfig

STEPS = (5, 3)  # of the episodes


@pytest.fixture
def data(tmp_path, small_spec, random_episode) -> Path:
    path = tmp_path / "lift.hdf5"
    with EpisodeWriter(path, small_spec, versions={}, next_obs=True) as writer:
        for seed, steps in enumerate(STEPS):
            writer.append(random_episode(small_spec, steps, True, seed))
    return path


@pytest.fixture
def checkpoint(tmp_path, small_spec):
    """checkpoint(algorithm) -> the path of a fresh agent's."""

    def make(name: str) -> str:
        options, cpu = AGENTS[name].options(), torch.device("cpu")
        agent = build_agent(small_spec, options, CNNConfig(features=8), cpu, seed=0)
        path = tmp_path / "checkpoint.pt"
        Checkpoint.of(agent, small_spec, RunConfig(algo={"label": name}), "pretrain", 0).save(path)
        return str(path)

    return make


def recorded(data: Path, checkpoint: str | None = None) -> dict[str, list]:
    """What rerun finds at every step: column -> its values."""
    import rerun

    path = data.with_suffix(".rrd")
    inspect.run(InspectConfig(data=str(data), rerun=str(path), checkpoint=checkpoint))
    view = rerun.dataframe.load_recording(str(path)).view(index="step", contents="/**")
    table = view.select().read_all()
    names = ["step", *(name for name in table.column_names if name.startswith("/"))]
    return {name: table[name].to_pylist() for name in names}


def test_everything_stands_on_one_time_line(data, small_spec):
    found = recorded(data)
    assert found["step"] == list(range(sum(STEPS)))
    for camera in small_spec.cameras:
        assert all(blob is not None for blob in found[f"/camera/{camera}:Blob"])
    actions = [name for name in found if name.startswith("/action/")]
    assert len(actions) == small_spec.action_dim
    rewards = [float(value[0]) for value in found["/reward:Scalar"]]
    assert rewards == [0, 0, 0, 0, 1, 0, 0, 1]
    to_go = [float(value[0]) for value in found["/value/return-to-go:Scalar"]]
    np.testing.assert_allclose(to_go[5:], [-1.97, -1, 0], atol=1e-6)


def test_a_checkpoint_adds_its_q(data, checkpoint):
    names = " ".join(recorded(data, checkpoint=checkpoint("cal_ql")))
    assert "Q\\(data\\)" in names
    assert "Q\\(policy\\)" in names


def test_without_a_critic_there_is_no_q_and_no_file(data, checkpoint):
    with pytest.raises(ValueError, match="bc has no critic"):
        recorded(data, checkpoint=checkpoint("bc"))
    assert not list(data.parent.glob("*.rrd*"))


def test_other_peoples_files_are_not_replaced(data):
    with pytest.raises(ValueError, match=r"end in \.rrd"):
        inspect.run(InspectConfig(data=str(data), rerun=str(data)))
    thesis = data.with_suffix(".rrd")
    thesis.write_text("a thesis")
    with pytest.raises(ValueError, match="no recording"):
        inspect.run(InspectConfig(data=str(data), rerun=str(thesis)))
    assert thesis.read_text() == "a thesis"
