"""Parts of every method on given numbers, and what happens to it online.

The whole losses of IQL, AWAC and TD3+BC are in test_golden_methods.py.
"""

import math
from dataclasses import fields, replace
from itertools import combinations
from typing import Any

import pytest
import torch

from calql_vision.agents.awac import batch_weight
from calql_vision.agents.config import online_config
from calql_vision.agents.iql import advantage_weight
from calql_vision.agents.losses import expectile_loss, regression_loss
from calql_vision.agents.soft import SoftConfig
from calql_vision.agents.td3_bc import q_scale
from tests.small_methods import (
    ACTIONS,
    BATCH,
    agent_of,
    built,
    configured,
    feature_batch,
    pixel_batch,
    same_weights,
    small,
)

# IQL -------------------------------------------------------------------------------------------


def test_expectile_loss_on_numbers():
    loss = expectile_loss(torch.tensor([2.0, -1.0]), 0.7)
    assert loss == pytest.approx((0.7 * 4 + 0.3 * 1) / 2)


def test_half_an_expectile_is_half_the_squared_error():
    difference = torch.randn(50)
    expected = 0.5 * difference.square().mean()
    torch.testing.assert_close(expectile_loss(difference, 0.5), expected)


def test_advantage_weights_on_numbers():
    weight = advantage_weight(torch.tensor([0.0, 1.0, -1.0, 10.0]), 3.0, 100.0)
    assert weight.tolist() == pytest.approx([1.0, math.e**3, math.e**-3, 100.0])


def test_iql_evaluates_no_action_outside_the_data():
    agent, batch = agent_of("iql"), feature_batch()
    seen = []
    for critic in (agent.critic, agent.target_critic):
        critic.register_forward_hook(lambda module, args, out: seen.append(args[1].squeeze(1)))
    agent.losses(batch)
    assert seen
    assert all(torch.equal(action, batch.action) for action in seen)


# AWAC ------------------------------------------------------------------------------------------


def test_batch_weights_on_numbers():
    advantage = torch.tensor([0.0, 2 * math.log(3.0)])
    assert batch_weight(advantage, temperature=2.0).tolist() == pytest.approx([0.5, 1.5])


def test_weights_of_a_regression_carry_no_gradient():
    log_prob, weight = torch.randn(2, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(regression_loss(log_prob, weight), [log_prob])
    torch.testing.assert_close(gradient, -weight / 5)


# TD3+BC ----------------------------------------------------------------------------------------


def test_q_scale_on_numbers():
    assert q_scale(torch.tensor([1.0, -3.0]), 2.5) == 1.25


def test_td3s_actor_and_targets_move_in_every_second_update_alone():
    agent = agent_of("td3_bc")
    moved = []
    for _ in range(4):
        parts = (agent.critic, agent.actor, agent.target_critic, agent.target_actor)
        before = [[p.clone() for p in part.parameters()] for part in parts]
        agent.update(pixel_batch())
        moved.append(
            [
                any(not torch.equal(*pair) for pair in zip(part.parameters(), old, strict=True))
                for part, old in zip(parts, before, strict=True)
            ]
        )
    assert moved == [[True] * 4, [True, False, False, False]] * 2


# RLPD ------------------------------------------------------------------------------------------


def test_rlpds_target_is_the_least_of_two_random_critics_of_ten():
    agent, batch = agent_of("rlpd"), feature_batch()
    samples = agent.sample_actions(batch)
    q = agent.target_critic(batch.next_features, samples.target)[:, :, 0]
    possible = {
        pair: batch.reward + batch.discount * q[list(pair)].amin(0)
        for pair in combinations(range(10), 2)
    }
    targets = [agent.td_target(batch, samples) for _ in range(40)]
    fitting = [
        {pair for pair, expected in possible.items() if torch.equal(target, expected)}
        for target in targets
    ]
    assert all(fitting)
    assert len({frozenset(pairs) for pairs in fitting}) > 5, "another subset every time"


def test_rlpds_actor_climbs_the_mean_of_the_ensemble():
    agent, batch = agent_of("rlpd"), feature_batch()
    samples = agent.sample_actions(batch)
    losses, _ = agent.losses(batch, samples)
    q = agent.critic(batch.features, samples.new).mean(0)
    expected = (agent.temperature * samples.new_log_prob - q).mean()
    torch.testing.assert_close(losses["actor"], expected)


# SAC and the methods that become it ------------------------------------------------------------


def test_sacs_target_counts_the_entropy_of_one_next_action():
    agent, batch = agent_of("sac"), feature_batch()
    samples = agent.sample_actions(batch)
    assert samples.target.shape == (BATCH, 1, ACTIONS)
    value = agent.target_critic(batch.next_features, samples.target[:, 0]).amin(0)
    value = value - agent.temperature * samples.target_log_prob[:, 0]
    expected = batch.reward + batch.discount * value
    torch.testing.assert_close(agent.td_target(batch, samples), expected)


@pytest.mark.parametrize("name", ["cql_sac", "cal_ql_sac", "wsrl"])
def test_online_it_updates_as_sac_bit_for_bit(name):
    online = online_config(small(name))
    assert configured(name).penalty_weight > 0 == online.penalty_weight
    shared = {f.name: getattr(online, f.name) for f in fields(SoftConfig)}
    sac = SoftConfig(**shared | {"name": "sac"})
    one, two = built(online), built(sac)
    for seed in range(3):
        assert one.update(pixel_batch(seed)) == two.update(pixel_batch(seed))
    assert same_weights(one, two)


# Cal-QL ----------------------------------------------------------------------------------------


def test_a_fitted_reference_is_the_floor_and_learns_the_returns():
    agent, batch = agent_of("cal_ql", fitted_reference=True, critic_lr=1e-2), feature_batch()
    losses, _ = agent.losses(batch)
    value = agent.reference(batch.features)[:, 0]
    expected = ((value - batch.return_to_go) ** 2).mean()
    torch.testing.assert_close(losses["reference"], expected)
    with torch.no_grad():
        agent.reference[-1].bias.fill_(1e4)
    assert agent.losses(batch)[1]["bound_rate"] == 1, "the floor is V(s), far above every Q"
    unreachable = replace(batch, return_to_go=torch.full((BATCH,), 1e4))
    agent = agent_of("cal_ql", fitted_reference=True, critic_lr=1e-2)
    assert agent.losses(unreachable)[1]["bound_rate"] < 1, "the returns are not the floor"
    for _ in range(300):
        agent.step({"reference": agent.losses(batch)[0]["reference"]})
    fitted, _ = agent.reference_value(batch)
    assert (fitted - batch.return_to_go).abs().max() < 0.1


def test_the_actor_clones_behaviour_at_first():
    official: dict[str, Any] = {"q_weight": 1.0, "cloning_weight": 0.0}
    agent, batch = agent_of("cal_ql", bc_updates=2, **official), feature_batch()
    samples = agent.sample_actions(batch)
    cloning = -agent.actor(batch.features).log_prob(batch.action)
    expected = (agent.temperature * samples.new_log_prob + cloning).mean()
    torch.testing.assert_close(agent.losses(batch, samples)[0]["actor"], expected)
    agent.updates = 2
    usual = agent_of("cal_ql", **official).losses(batch, samples)[0]["actor"]
    torch.testing.assert_close(agent.losses(batch, samples)[0]["actor"], usual)


# What keeps the pixel default from harm --------------------------------------------------------


# Going online ----------------------------------------------------------------------------------
