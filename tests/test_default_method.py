"""Parts of our default: what its actor clones, offline and online, and what its targets are."""

import math
from dataclasses import asdict, replace

import pytest
import torch

from calql_vision.agents import CalQLConfig
from calql_vision.agents.config import OnlineConfig, online_config, with_options
from calql_vision.agents.networks import TanhGaussian
from calql_vision.agents.soft import cloning_loss
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.returns import RewardConfig
from calql_vision.stages.finetune import held_share
from calql_vision.types import FeatureBatch
from tests.small_methods import (
    ACTIONS,
    BATCH,
    agent_of,
    built,
    feature_batch,
    small,
)


def test_options_change_online_and_nothing_else_does():
    offline = with_options(CalQLConfig(), {"online": {"options": {"calibrated": False}}})
    changed = {**asdict(offline), "calibrated": False}
    assert asdict(online_config(offline)) == changed


@pytest.mark.parametrize("options", [{"penalti_weight": 0.0}, {"penalty_weight": "none"}])
def test_an_option_that_does_not_exist_online_is_refused(options):
    config = with_options(CalQLConfig(), {"online": {"options": options}})
    with pytest.raises(ValueError, match=r"algo=cal_ql, penalt"):
        online_config(config)


def some_successful(batch: FeatureBatch) -> FeatureBatch:
    return replace(batch, success=torch.tensor([True, False, True, False, True, False]))


def test_offline_the_default_actor_only_clones_what_succeeded():
    agent, batch = agent_of("cal_ql"), some_successful(feature_batch())
    policy = agent.actor(batch.actor_features)
    std = policy.log_std.clamp(min=-3).exp()
    density = torch.distributions.Normal(policy.mean.tanh(), std).log_prob(batch.action).sum(-1)
    losses, _ = agent.losses(batch)
    torch.testing.assert_close(losses["actor"], -density[batch.success].mean())
    assert "temperature" not in losses, "a cloned actor's entropy is that of the data"


def test_a_batch_without_success_has_nothing_to_clone():
    agent = agent_of("cal_ql")
    batch = replace(feature_batch(), success=torch.zeros(BATCH, dtype=torch.bool))
    assert agent.losses(batch)[0]["actor"] == 0


def test_online_the_default_actor_climbs_q_and_clones_a_little():
    agent, batch = built(online_config(small("cal_ql"))), some_successful(feature_batch())
    samples = agent.sample_actions(batch)
    plain = built(replace(agent.config, cloning_weight=0.0))
    climbing = plain.losses(batch, samples)[0]["actor"]
    cloning = cloning_loss(agent.actor(batch.actor_features), batch)
    losses, _ = agent.losses(batch, samples)
    torch.testing.assert_close(losses["actor"], climbing + 0.3 * cloning)
    assert "temperature" in losses


def test_a_grippers_limit_does_not_drown_the_other_dimensions():
    """An action at the edge pulls the mean no harder than the least width allows."""
    mean = torch.zeros(1, ACTIONS, requires_grad=True)
    policy = TanhGaussian(mean, torch.full((1, ACTIONS), -10.0))
    policy.edge_log_prob(torch.tensor([[1.0, -1.0, 0.0]])).sum().backward()
    assert mean.grad[0].tolist() == pytest.approx([math.e**6, -(math.e**6), 0.0])


def test_a_target_of_a_success_is_at_least_the_return_obtained():
    batch = some_successful(replace(feature_batch(), return_to_go=torch.full((BATCH,), 50.0)))
    agent = agent_of("cal_ql")
    samples = agent.sample_actions(batch)
    target = agent.td_target(batch, samples)
    plain = agent_of("cal_ql", bounded_target=False).td_target(batch, samples)
    assert (target[batch.success] == 50).all()
    assert torch.equal(target[~batch.success], plain[~batch.success])
    low = replace(batch, return_to_go=torch.full((BATCH,), -50.0))
    assert torch.equal(agent.td_target(low, samples), plain)


@pytest.mark.parametrize(
    ("progress", "held", "share"),
    [(0, 0, 1), (0.25, 0, 0.5), (0.5, 0, 0), (1, 0, 0), (0.25, 0.6, 0.6), (0.1, 0.6, 0.8)],
)
def test_the_penalty_falls_in_a_line_to_what_is_held(progress, held, share):
    config = replace(online_config(small("cal_ql")), penalty_until=0.5)
    faded, batch = built(config), feature_batch()
    faded.fade(progress, held)
    plain = built(replace(config, penalty_weight=config.penalty_weight * share))
    expected, found = plain.losses(batch)[0], faded.losses(batch)[0]
    assert found.keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss)


def test_a_penalty_without_an_end_stays():
    config = replace(online_config(small("cal_ql")), penalty_until=None)
    agent, batch = built(config), feature_batch()
    samples = agent.sample_actions(batch)
    before = agent.losses(batch, samples)[0]
    agent.fade(1.0, 0.0)
    assert agent.losses(batch, samples)[0] == before


@pytest.mark.parametrize(
    ("successes", "held"),
    [
        ([True] * 4, 1.0),
        ([True, True, True, False], 0.5),
        ([False, True, False, False], 0.0),
        ([], 0),
    ],
)
def test_what_is_held_is_what_the_first_episodes_have_to_lose(
    successes, held, small_spec, random_episode
):
    online, how = EpisodeBuffer(0.97, RewardConfig()), OnlineConfig(random_steps=10)
    for success in [False, False, *successes, False]:  # two random ones, and one after the warm-up
        online.append(random_episode(small_spec, 5, success))
    how.warmup_steps = 5 * len(successes)
    assert held_share(online, how) == held
