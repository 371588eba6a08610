"""The listed `gym/<id>` tasks: what is success in them, their configurations, the whole way."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from calql_vision.cli.configuration import composed, group_choices, register
from calql_vision.datasets.hdf5 import read_episodes
from calql_vision.engine.rollout import rollout
from calql_vision.envs import env_names, make_env, make_expert
from calql_vision.envs.gym import TESTED
from calql_vision.stages import collect, evaluate, finetune, pretrain

KITCHEN = ["microwave", "kettle"]


@pytest.fixture
def made():
    """make_env that closes."""
    opened = []

    def make_and_remember(task, **kwargs):
        if "Kitchen" in task:
            kwargs = {"tasks_to_complete": KITCHEN} | kwargs
        opened.append(make_env(f"gym/{task}", **{"image_size": 24, "horizon": 6} | kwargs))
        return opened[-1]

    yield make_and_remember
    for env in opened:
        env.close()


def open_door(sim):
    sim.data.joint("door_hinge").qpos = 1.4


def turn_pen(sim):
    sim.model.body("target").quat = sim.model.body("Object").quat


def put_goal_at_ball(sim):
    sim.model.site("target").pos = sim.data.body("Object").xpos


def put_fetch_goal(site):
    def put(sim):
        sim.goal = sim.data.site(site).xpos.copy()

    return put


def finish_kitchen(sim):
    from gymnasium_robotics.envs.franka_kitchen import kitchen_env

    for task in KITCHEN:
        indices, goal = kitchen_env.OBS_ELEMENT_INDICES[task], kitchen_env.OBS_ELEMENT_GOALS[task]
        sim.data.qpos[indices] = goal


SUCCESSES = {
    "FetchReach-v4": put_fetch_goal("robot0:grip"),
    "FetchPush-v4": put_fetch_goal("object0"),
    "FetchPickAndPlace-v4": put_fetch_goal("object0"),
    "AdroitHandDoor-v1": open_door,
    "AdroitHandPen-v1": turn_pen,
    "AdroitHandRelocate-v1": put_goal_at_ball,
    "FrankaKitchen-v1": finish_kitchen,
}


@pytest.mark.parametrize("task", TESTED)
def test_reaching_the_goal_is_success_with_reward_one_and_the_end(task, made):
    env = made(task)
    still = np.zeros(env.pixel_spec.action_dim)
    env.reset(seed=3)
    _, reward, terminated, truncated, info = env.step(still)
    assert (reward, terminated, truncated, info) == (0.0, False, False, {"success": False})
    env.reset(seed=3)
    SUCCESSES[task](env.inner.env)
    _, reward, terminated, truncated, info = env.step(still)
    assert (reward, terminated, truncated, info) == (1.0, True, False, {"success": True})
    won = env.get_state()
    env.reset(seed=3)
    assert not env.is_success()
    env.set_state(won)
    assert env.is_success()


def test_half_of_the_kitchens_tasks_are_no_success(made):
    env = made("FrankaKitchen-v1", tasks_to_complete=[*KITCHEN, "light switch"])
    env.reset(seed=0)
    finish_kitchen(env.inner.env)
    _, reward, terminated, _, _ = env.step(np.zeros(9))
    assert (reward, terminated) == (0.0, False)
    done = env.get_state()
    env.reset(seed=1)
    env.set_state(done)
    assert env.inner.env.tasks_to_complete == {"light switch"}
    assert sorted(env.inner.env.episode_task_completions) == sorted(KITCHEN)


def test_the_time_limit_and_other_ends_truncate_without_reward(made):
    env = made("AdroitHandDoor-v1", horizon=2)
    env.reset(seed=0)
    ends = [env.step(np.zeros(28))[1:4] for _ in range(2)]
    assert ends == [(0.0, False, False), (0.0, False, True)]
    fallen = made("Hopper-v5", reward_threshold=99.0, healthy_z_range=[1.24, 1.25])
    fallen.reset(seed=0)
    ends = [fallen.step(np.ones(3))[1:4] for _ in range(6)]
    assert (0.0, False, True) in ends[:-1]


def test_every_listed_id_has_a_configuration_that_makes_it():
    register("pretrain", pretrain.PretrainConfig)
    listed = dict(group_choices(pretrain.PretrainConfig()))["task"]
    assert [task for task in listed if task.startswith("gym/")] == sorted(
        f"gym/{task}" for task in TESTED
    )
    assert {f"gym/{task}" for task in TESTED} <= set(env_names())
    for task in TESTED:
        config = OmegaConf.to_object(composed("pretrain", [f"task=gym/{task}"])).task
        assert config.name == f"gym/{task}"
        assert (config.horizon or 50) <= 280


def test_the_expert_without_noise_succeeds_and_with_it_sometimes(made):
    env = made("FetchReach-v4", horizon=50, image_size=8)
    for noise, least, most in ((0.0, 12, 12), (None, 2, 10)):
        policy = make_expert(env, noise=noise, seed=1)
        successes = sum(rollout(env, policy, seed=seed).success for seed in range(12))
        assert least <= successes <= most
    with pytest.raises(ValueError, match="negative"):
        make_expert(env, noise=-1)
    with pytest.raises(ValueError, match=r"no scripted expert.*data\.path"):
        make_expert(made("FetchPush-v4"))


TINY = ("scale=smoke", "task=gym/FetchReach-v4", "task.image_size=16", "task.horizon=12")
LEARNER = ("encoder.features=8", "algo.hidden=[16,16]", "algo.batch_size=8", "threads=1",
           "scale.updates=4", "scale.online_steps=20", "scale.validation_episodes=1")  # fmt: skip


def run(stage, config_class, *overrides):
    name = stage.__name__.rpartition(".")[2]
    register(name, config_class)
    return stage.run(OmegaConf.to_object(composed(name, list(overrides))))


def test_reach_goes_the_whole_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(collect, collect.CollectConfig, *TINY, "episodes=3")
    (first, *_) = read_episodes("data/gym/FetchReach-v4.hdf5")
    assert first.images.shape[1:] == (2, 16, 16, 3)
    for stage, config_class in (
        (pretrain, pretrain.PretrainConfig),
        (finetune, finetune.FinetuneConfig),
    ):
        run(stage, config_class, *TINY, *LEARNER, "data.memory_budget=1B")
    run(evaluate, evaluate.EvaluateConfig, *TINY, "episodes=2")
    assert Path("runs/gym/FetchReach-v4/cal_ql/seed0/evaluate/episodes.mp4").exists()


def test_sac_needs_no_file_of_demonstrations_but_others_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(finetune, finetune.FinetuneConfig, *TINY, *LEARNER, "algo=sac")
    assert "sac does without" in capsys.readouterr().out
    for algo in ("algo=rlpd", "algo=sac"):
        path = ("data.path=missing.hdf5",) if algo == "algo=sac" else ()
        with pytest.raises(ValueError, match="no such file"):
            run(finetune, finetune.FinetuneConfig, *TINY, *LEARNER, algo, *path, "overwrite=true")
