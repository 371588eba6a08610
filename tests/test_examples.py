"""Every script of examples/ runs, and the package is light until a name of it is used."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import calql_vision
from calql_vision import AgentPolicy, build_agent, load_policy, make_env, rollout
from calql_vision.agents import CalQLConfig
from calql_vision.datasets.hdf5 import read_spec
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.training import TrainingConfig

FOLDER = Path(__file__).parent.parent / "examples"
#: What each is called with; "data" and "checkpoint" stand for files.
ARGUMENTS = {
    "act": ("checkpoint", "1"),
    "own_environment": (),
    "act_without_simulator": ("checkpoint", "2"),
    "read_demonstrations": ("data",),
    "step_environment": ("tabletop/reach",),
    "train_offline": ("data", "2"),
    "train_online": ("tabletop/reach", "1"),
}


@pytest.fixture(scope="module")
def files(demonstrations, tmp_path_factory) -> dict[str, str]:
    """Demonstrations, and the checkpoint of an agent that was not trained."""
    spec, path = read_spec(demonstrations), tmp_path_factory.mktemp("run") / "checkpoint.pt"
    config = TrainingConfig(algo=CalQLConfig(hidden=[8]), encoder=CNNConfig(features=8))
    agent = build_agent(spec, config.algo, config.encoder, torch.device("cpu"), seed=0)
    Checkpoint.of(agent, spec, config, "pretrain", env_steps=0).save(path)
    return {"data": str(demonstrations), "checkpoint": str(path)}


def test_every_example_has_its_arguments_here():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_example_runs(name, files, monkeypatch, capsys):
    words = [files.get(word, word) for word in ARGUMENTS[name]]
    monkeypatch.setattr(sys, "argv", [name, *words])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out


def test_a_loaded_policy_acts_as_the_agent_that_was_saved(files):
    policy = load_policy(files["checkpoint"], device="cpu")
    agent = Checkpoint.load(Path(files["checkpoint"])).build(torch.device("cpu"))
    env = policy.make_env()
    assert env.pixel_spec == policy.spec
    one = rollout(env, policy, seed=3)
    other = rollout(env, AgentPolicy(agent, deterministic=True), seed=3)
    assert (one.actions == other.actions).all()
    env.close()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"images": np.zeros((2, 20, 16, 3), np.uint8)},
            r"\(2, 20, 16, 3\), but .* \(2, 16, 16, 3",
        ),
        ({"images": np.zeros((2, 16, 16, 3))}, r"float64 .* trained with uint8 .*: front, wrist"),
        ({"proprio": np.zeros(6, np.float32)}, r"\(6,\), but .* \(4,\): robot0_eef_pos"),
        ({"pixels": None, "images": None}, "an observation has images and proprio, not"),
    ],
)
def test_an_observation_of_another_size_is_refused(changes, sentence, files):
    policy = load_policy(files["checkpoint"], device="cpu")
    right: dict[str, Any] = {
        "images": np.zeros((2, 16, 16, 3), np.uint8),
        "proprio": np.zeros(4, np.float32),
    }
    assert policy.act(right).shape == (4,)
    observation = {key: array for key, array in (right | changes).items() if array is not None}
    with pytest.raises(ValueError, match=sentence):
        policy.act(observation)


def test_every_name_that_is_offered_can_be_imported_and_explains_itself():
    for name in calql_vision.__all__:
        assert getattr(calql_vision, name).__doc__, name
    assert calql_vision.make_env is make_env
    with pytest.raises(AttributeError, match="no attribute 'make_policy'"):
        _ = calql_vision.make_policy


def test_importing_the_package_imports_nothing_else():
    code = "import sys, calql_vision; print({'torch', 'gymnasium', 'numpy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
