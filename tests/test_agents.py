"""Laws of the update, over the table of algorithms."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from calql_vision.agents import AGENTS, build_agent
from calql_vision.agents.cal_ql import CalQLConfig, calibrate
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.encoders.pixels import PixelEncoder
from calql_vision.engine.learn import learn
from tests.small_agents import (
    BATCH,
    CPU,
    SPEC,
    OneBatch,
    agent_of,
    changed,
    pixel_batch,
    small,
    weights,
)


@pytest.mark.parametrize("name", AGENTS)
def test_an_update_moves_every_part_and_reports_finite_numbers(name):
    agent = agent_of(small(name))
    before = weights(agent)
    metrics = agent.update(pixel_batch())
    moved = {key.split(".")[0] for key in changed(agent, before)}
    assert {"encoder", "actor"} <= moved
    assert {part for part in ("critic", "target_critic") if hasattr(agent, part)} <= moved
    assert all(value.ndim == 0 and torch.isfinite(value) for value in metrics.values())
    assert not any(value.requires_grad for value in metrics.values())


@pytest.mark.parametrize("name", AGENTS)
def test_the_loss_that_trains_the_encoder_falls_when_one_batch_is_repeated(name):
    agent = agent_of(small(name, critic_lr=3e-3, actor_lr=3e-3), random_shift=0)
    first = learn(agent, OneBatch(), 5, np.random.default_rng(0))
    learn(agent, OneBatch(), 150, np.random.default_rng(0))
    last = learn(agent, OneBatch(), 5, np.random.default_rng(0))
    loss = "td_loss" if "td_loss" in last else "actor_loss"
    assert last[loss] < first[loss]


@pytest.mark.parametrize("name", AGENTS)
def test_every_update_reports_the_same_metrics(name):
    agent = agent_of(small(name))
    reported = [list(agent.update(pixel_batch(seed))) for seed in range(3)]
    assert reported[0] == reported[1] == reported[2]
    if "critic" in agent.optimizers:
        assert {"td_loss", "q_data", "return_to_go"} <= set(reported[0])


@pytest.mark.parametrize("name", AGENTS)
def test_the_same_seed_gives_the_same_agent_bit_for_bit(name):
    first, second = agent_of(small(name)), agent_of(small(name))
    for agent in (first, second):
        learn(agent, OneBatch(), 3, np.random.default_rng(0))
    assert changed(first, weights(second)) == set()
    assert changed(first, weights(agent_of(small(name), seed=1))) != set()


def test_metrics_tell_whether_calibration_works():
    metrics = agent_of(small()).update(pixel_batch())
    assert set(metrics) >= {
        "q_data", "q_policy", "q_random", "return_to_go", "td_loss", "penalty",
        "bound_rate", "bound_rate_success", "entropy", "temperature",
    }  # fmt: skip


def test_learn_averages_the_metrics_of_its_updates():
    one, both = agent_of(small()), agent_of(small())
    singles = [learn(one, OneBatch(), 1, np.random.default_rng(0)) for _ in range(2)]
    mean = learn(both, OneBatch(), 2, np.random.default_rng(0))
    for name, value in mean.items():
        assert value == pytest.approx((singles[0][name] + singles[1][name]) / 2, rel=1e-4)


WITH_CRITICS = [name for name in AGENTS if name != "bc"]


@pytest.mark.parametrize("name", WITH_CRITICS)
def test_the_actors_loss_leaves_encoder_and_critic_alone(name):
    agent = agent_of(small(name))
    before = weights(agent)
    losses, _ = agent.losses(agent.encode(pixel_batch()))
    agent.step({"actor": losses["actor"]})
    moved = {key.split(".")[0] for key in changed(agent, before)}
    assert moved <= {"actor", "target_critic", "target_actor", "target_encoder"}
    assert "actor" in moved


@pytest.mark.parametrize("name", WITH_CRITICS)
def test_a_separate_actor_encoder_is_trained_by_the_actor_alone(name):
    agent = agent_of(small(name, own_actor_encoder=True))
    for loss, touched, untouched in (
        ("actor", "actor_encoder", "encoder"),
        ("critic", "encoder", "actor_encoder"),
    ):
        before = weights(agent)
        losses, _ = agent.losses(agent.encode(pixel_batch()))
        agent.step({loss: losses[loss]})
        moved = {key.split(".")[0] for key in changed(agent, before)}
        assert touched in moved
        assert untouched not in moved


def test_behaviour_cloning_trains_the_encoder_through_which_it_acts():
    agent = agent_of(small("bc", own_actor_encoder=True))
    before = weights(agent)
    agent.update(pixel_batch())
    moved = {key.split(".")[0] for key in changed(agent, before)}
    assert moved == {"actor", "actor_encoder"}


@pytest.mark.parametrize("name", AGENTS)
def test_each_image_is_encoded_once_per_update(name):
    agent = agent_of(small(name))
    seen = []
    for encoder in filter(None, (agent.encoder, agent.target_encoder)):
        encoder.register_forward_hook(lambda module, args, out: seen.append((module, len(out))))
    agent.update(pixel_batch())
    once = {(agent.encoder, BATCH): 2}  # s, and s' for the actor
    if agent.target_encoder is not None:
        once[agent.target_encoder, BATCH] = 1  # s' for the target
    assert Counter(seen) == once


@pytest.mark.parametrize(
    "name", [n for n in WITH_CRITICS if vars(AGENTS[n][1]())["averaged_encoder"]]
)
def test_only_the_average_of_the_encoder_reaches_the_target(name):
    for averaged in (True, False):
        config = small(name, tau=0.0, averaged_encoder=averaged)
        agent = agent_of(config, random_shift=0)
        before = agent.encode(pixel_batch()).next_features
        agent.update(pixel_batch())
        assert torch.equal(before, agent.encode(pixel_batch()).next_features) is averaged


@pytest.mark.parametrize("name", AGENTS)
def test_every_encoder_knows_the_statistics_of_proprioception(name):
    agent = agent_of(small(name, own_actor_encoder=True, averaged_actor=True))
    agent.normalise_proprio(torch.full((4,), 3.0), torch.full((4,), 2.0))
    encoders = [module for module in agent.modules() if isinstance(module, PixelEncoder)]
    assert len(encoders) >= 3
    assert all((encoder.proprio_mean == 3).all() for encoder in encoders)


def test_cql_is_cal_ql_whose_floor_is_minus_infinity():
    batch = pixel_batch()
    bottomless = replace(batch, return_to_go=torch.full((BATCH,), -1e9))
    calibrated, plain = agent_of(small()), agent_of(small(calibrated=False))
    calibrated.update(bottomless)
    plain.update(batch)
    assert changed(calibrated, weights(plain)) == set()
    calibrated.update(replace(batch, return_to_go=torch.full((BATCH,), 5.0)))
    plain.update(batch)
    assert changed(calibrated, weights(plain)) != set()


def test_calibration_never_lowers_a_value_and_bounds_it_by_the_return():
    q = torch.randn(2, BATCH, 5)
    floor = torch.randn(BATCH)
    calibrated = calibrate(q, floor)
    assert (calibrated >= q).all()
    assert (calibrated >= floor[:, None]).all()
    assert ((calibrated == q) | (calibrated == floor[:, None])).all()


def test_a_floor_above_every_q_stops_the_push_on_policy_actions():
    agent = agent_of(small())
    features = agent.encode(pixel_batch())
    features = replace(features, return_to_go=torch.full((BATCH,), 1e4))
    samples = agent.sample_actions(features)
    current = samples.current.clone().requires_grad_()
    losses, metrics = agent.critic_losses(features, replace(samples, current=current))
    losses["critic"].backward()
    assert not current.grad.any()
    assert metrics["bound_rate"] == 1


def test_the_clip_range_bounds_the_gap():
    agent = agent_of(small(clip_min=-1.0, clip_max=0.25, penalty_weight=1.0))
    _, metrics = agent.losses(agent.encode(pixel_batch()))
    assert metrics["penalty"] <= 0.25 * 2 + 1e-6


@pytest.mark.parametrize("critics", [1, 2, 5])
def test_any_number_of_critics_is_one_batched_ensemble(critics):
    agent = agent_of(small(critics=critics))
    features = torch.randn(BATCH, 8)
    actions = torch.rand(BATCH, 6, 4)
    q = agent.critic(features, actions)
    assert q.shape == (critics, BATCH, 6)
    torch.testing.assert_close(q[:, :, 2], agent.critic(features, actions[:, 2]))
    agent.update(pixel_batch())


def test_an_unknown_algorithm_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"ppo.*cal_ql"):
        build_agent(SPEC, CalQLConfig(name="ppo"), CNNConfig(), CPU, 0)


def test_targets_follow_by_tau():
    agent = agent_of(small(tau=0.25))
    before = deepcopy(agent.target_critic.head.weight)
    agent.update(pixel_batch())
    expected = before + 0.25 * (agent.critic.head.weight - before)
    torch.testing.assert_close(agent.target_critic.head.weight, expected)
