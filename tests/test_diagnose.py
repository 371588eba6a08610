"""Laws of the diagnosis: beliefs against returns, on hand-made episodes and a smoke run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.returns import RewardConfig
from calql_vision.engine.critic_evaluation import CriticEvaluation
from calql_vision.engine.q_values import best_value, pairs, q_values, transitions
from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed
from calql_vision.envs import make_env, make_expert
from calql_vision.runs.config import DataConfig
from calql_vision.runs.diagnosis import Diagnosis, Pairs
from calql_vision.stages import collect, diagnose, finetune, pretrain
from calql_vision.types import Observation

CONFIGS = {
    "collect": collect.CollectConfig,
    "pretrain": pretrain.PretrainConfig,
    "finetune": finetune.FinetuneConfig,
    "diagnose": diagnose.DiagnoseConfig,
}
TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
TRAIN = (*TINY, "encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1",
         "scale.updates=4", "scale.online_steps=20", "scale.validation_episodes=1",
         "data.filter_key=train")  # fmt: skip
GAMMA, STARTS = 0.97, 3


def stage(name: str, *overrides: str):
    register(name, CONFIGS[name])
    config = OmegaConf.to_object(composed(name, list(overrides)))
    module = {"collect": collect, "pretrain": pretrain, "finetune": finetune, "diagnose": diagnose}
    return module[name].run(config)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of cal_ql that was trained on `train` and examined on `valid`, and its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        stage("collect", *TINY, "scale.episodes=5")
        stage("pretrain", *TRAIN)
        stage("finetune", *TRAIN)
        diagnosis = stage("diagnose", *TINY, f"episodes={STARTS}")
        yield diagnosis, Path("runs/tabletop/lift/cal_ql/seed0").absolute()


@pytest.fixture(scope="module")
def agent(run):
    return diagnose.Checkpoint.load(run[1] / "pretrain/checkpoint.pt").build(torch.device("cpu"))


@pytest.fixture
def evaluation():
    env = make_env("tabletop/lift", image_size=16)
    yield CriticEvaluation(env, GAMMA, RewardConfig(), episodes=STARTS, samples=4)
    env.close()


def batch_of(agent, random_episode, small_spec, success=True):
    """Six random transitions with the images that the agent takes."""
    spec = replace(small_spec, image_size=(16, 16), proprio={"all": 4}, action_dim=4)
    return transitions(random_episode(spec, 6, success), GAMMA, RewardConfig())


def test_the_value_of_a_policy_is_its_discounted_return(evaluation):
    """With -1 per step and 0 at success after T steps: -(1 + gamma + ... + gamma^(T-2))."""
    expert = make_expert(evaluation.env, noise=0.0)
    seeds = [episode_seed("validate", 0, number) for number in range(STARTS)]
    lengths = [len(rollout(evaluation.env, expert, seed)) for seed in seeds]
    expected = [-sum(GAMMA**t for t in range(length - 1)) for length in lengths]
    assert evaluation.policy_values(expert) == pytest.approx(expected, rel=1e-5)


def test_failing_once_counts_as_failing_for_ever(evaluation):
    class Idle:
        def reset(self): ...

        def act(self, observation):
            return np.zeros(4, dtype=np.float32)

    assert evaluation.policy_values(Idle()) == pytest.approx([-1 / (1 - GAMMA)] * STARTS)


def test_the_optimum_is_the_experts_and_no_policys_value_is_greater(run):
    diagnosis, _ = run
    assert diagnosis.measurement.optimum == "the scripted expert without noise"
    for found in diagnosis.checkpoints.values():
        assert (found.start.optimum >= found.start.reached).all()
        assert found.start.optimum.min() > -12, "the expert always succeeds within 12 steps"


def test_without_an_expert_the_best_checkpoint_is_the_optimum(evaluation, monkeypatch):
    def none(env, noise):
        raise ValueError("this family has no scripted experts")

    monkeypatch.setattr("calql_vision.engine.critic_evaluation.make_expert", none)
    optimum, whose = evaluation.optimum([np.array([-3.0, -9.0]), np.array([-5.0, -4.0])])
    assert optimum.tolist() == [-3, -4]
    assert "best of the run's checkpoints" in whose


def test_regret_is_miscalibration_plus_over_estimation(run):
    for found in run[0].checkpoints.values():
        start = found.start
        assert start.regret == pytest.approx(start.miscalibration + start.over_estimation)
        assert start.regret == pytest.approx(start.optimum - start.reached)
        assert len(start.regret) == STARTS


def test_q_is_the_least_of_the_critics(agent, random_episode, small_spec):
    batch = batch_of(agent, random_episode, small_spec)
    with torch.no_grad():
        both = agent.critic(agent.encoder(batch.observation), batch.action)
    assert torch.equal(q_values(agent, batch.observation, batch.action), both.min(dim=0).values)
    assert not torch.equal(both[0], both[1])


def test_the_best_action_is_at_least_as_good_as_the_policys(agent, random_episode, small_spec):
    batch = batch_of(agent, random_episode, small_spec)
    start = Observation(batch.observation.images[:1], batch.observation.proprio[:1])
    few, many = (
        best_value(agent, start, samples, torch.Generator().manual_seed(0)) for samples in (1, 300)
    )
    assert many >= few >= pairs(agent, batch).q_policy[0] - 1e-5


def test_pairs_hold_the_data_actions_and_their_returns(agent, random_episode, small_spec):
    batch = batch_of(agent, random_episode, small_spec)
    found = pairs(agent, batch)
    assert found.q == pytest.approx(
        q_values(agent, batch.observation, batch.action).numpy(), abs=1e-5
    )
    assert np.array_equal(found.returns, batch.return_to_go.numpy())
    own = agent.act(batch.observation, deterministic=True)
    assert found.q_policy == pytest.approx(
        q_values(agent, batch.observation, own).numpy(), abs=1e-5
    )


def test_the_covered_share_counts_successful_episodes_alone():
    q_policy, returns = np.array([0.0, -2.0, -1.0, 9.0]), np.array([-1.0, -1.0, -1.0, 0.0])
    found = Pairs(q_policy, q_policy, returns, np.array([True, True, True, False]))
    assert found.covered_share == pytest.approx(2 / 3)
    assert replace(found, success=np.zeros(4, dtype=bool)).covered_share is None


def test_the_files_give_the_diagnosis_back(run):
    diagnosis, folder = run
    assert {path.name for path in (folder / "diagnose").iterdir()} == {
        "diagnosis.json", "calibration.npz",
    }  # fmt: skip
    again = Diagnosis.load(folder / "diagnose/diagnosis.json")
    assert again.measurement == diagnosis.measurement
    assert again.launch == diagnosis.launch
    assert set(again.checkpoints) == {"pretrain", "finetune"}
    for name, found in diagnosis.checkpoints.items():
        for part in ("start", "demonstrations", "rollouts"):
            for key, values in vars(getattr(found, part)).items():
                assert np.array_equal(vars(getattr(again.checkpoints[name], part))[key], values)


def test_the_same_run_is_diagnosed_alike(run):
    again = stage("diagnose", *TINY, f"episodes={STARTS}", "output=again")
    assert again.to_dict() == run[0].to_dict()


def test_demonstrations_are_held_out_only_where_training_left_them_out(run):
    assert run[0].measurement.held_out is True
    everything = stage("diagnose", *TINY, "episodes=1", "filter_key=null", "output=all")
    assert everything.measurement.held_out is False
    few, all_of_them = (
        len(d.checkpoints["pretrain"].demonstrations.q) for d in (run[0], everything)
    )
    assert few < all_of_them


def test_one_checkpoint_that_saw_them_is_enough(run):
    one = diagnose.Checkpoint.load(run[1] / "pretrain/checkpoint.pt")
    other = replace(one, config=replace(one.config, data=DataConfig(filter_key=None)))
    data = Path("data/tabletop/lift.hdf5")
    assert diagnose.held_out(data, "valid", {"pretrain": one})
    assert not diagnose.held_out(data, "valid", {"pretrain": one, "finetune": other})


def test_a_method_without_a_critic_is_skipped_in_a_sentence(run, monkeypatch):
    monkeypatch.setattr(diagnose, "has_critic", lambda agent: False)
    stage("diagnose", *TINY, "output=skipped")
    content = json.loads(Path("skipped/diagnosis.json").read_text())
    assert "cal_ql has no critic" in content["skipped"]
    assert Diagnosis.load(Path("skipped/diagnosis.json")).checkpoints == {}


def test_a_run_without_a_checkpoint_is_refused(run):
    with pytest.raises(ValueError, match="run pretrain or finetune first"):
        stage("diagnose", *TINY, "seed=9")
