"""Parts of every method on given numbers, and what happens to it online.

The whole losses of IQL, AWAC and TD3+BC are in test_golden_methods.py.
"""

import math
from dataclasses import asdict, fields, replace
from functools import cache
from itertools import combinations
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.agents import AgentConfig, CalQLConfig, build_agent
from calql_vision.agents.awac import batch_weight
from calql_vision.agents.config import online_config, with_options
from calql_vision.agents.iql import advantage_weight
from calql_vision.agents.losses import expectile_loss, regression_loss
from calql_vision.agents.networks import TanhGaussian
from calql_vision.agents.soft import SoftConfig, cloning_loss
from calql_vision.agents.td3_bc import q_scale
from calql_vision.cli.configuration import composed, register
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.runs.config import RunConfig
from calql_vision.stages.pretrain import PretrainConfig
from calql_vision.types import EnvSpec, FeatureBatch, Observation, PixelBatch

CPU = torch.device("cpu")
ACTIONS, FEATURES, BATCH = 3, 8, 6
SPEC = EnvSpec("tabletop/lift", ("front",), (16, 16), {"hand": 2}, ACTIONS, 10, 10.0)


register("pretrain", PretrainConfig)


@cache
def configured(name: str) -> Any:
    """The method as configs/algo says it is."""
    config: Any = OmegaConf.to_object(composed("pretrain", [f"algo={name}"]))
    return config.algo


def small(name: str, **options) -> Any:
    return replace(configured(name), hidden=[16, 16], batch_size=BATCH, **options)


def built(config: AgentConfig, seed: int = 0) -> Any:
    return build_agent(SPEC, config, CNNConfig(features=FEATURES), CPU, seed)


def agent_of(name: str, seed: int = 0, **options) -> Any:
    return built(small(name, **options), seed)


def feature_batch(seed: int = 0) -> FeatureBatch:
    """Random features and actions; the last transition is terminal."""
    draws = torch.Generator().manual_seed(seed)
    here, following = torch.rand(2, BATCH, FEATURES, generator=draws)
    return FeatureBatch(
        features=here,
        actor_features=here,
        action=torch.rand(BATCH, ACTIONS, generator=draws) * 2 - 1,
        reward=torch.randn(BATCH, generator=draws),
        discount=torch.tensor([0.9] * (BATCH - 1) + [0.0]),
        next_features=following,
        next_actor_features=following,
        return_to_go=torch.randn(BATCH, generator=draws),
        success=torch.ones(BATCH, dtype=torch.bool),
    )


def pixel_batch(seed: int = 0) -> PixelBatch:
    draws = torch.Generator().manual_seed(seed)

    def observation() -> Observation:
        images = torch.randint(0, 256, (BATCH, 1, 16, 16, 3), dtype=torch.uint8, generator=draws)
        return Observation(images, torch.randn(BATCH, 2, generator=draws))

    features = vars(feature_batch(seed))
    shared = {name: features[name] for name in PixelBatch.__dataclass_fields__ if name in features}
    return PixelBatch(observation=observation(), next_observation=observation(), **shared)


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


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


def test_options_change_online_and_nothing_else_does():
    offline = with_options(CalQLConfig(), {"online": {"options": {"calibrated": False}}})
    changed = {**asdict(offline), "calibrated": False}
    assert asdict(online_config(offline)) == changed


@pytest.mark.parametrize("options", [{"penalti_weight": 0.0}, {"penalty_weight": "none"}])
def test_an_option_that_does_not_exist_online_is_refused(options):
    config = with_options(CalQLConfig(), {"online": {"options": options}})
    with pytest.raises(ValueError, match=r"algo=cal_ql, penalt"):
        online_config(config)


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


# Going online ----------------------------------------------------------------------------------


def test_a_checkpoint_restores_what_both_sides_have_and_no_part_of_the_weights():
    saved = agent_of("cal_ql", q_weight=1.0)
    saved.update(pixel_batch())
    checkpoint = Checkpoint.of(saved, SPEC, RunConfig(), "pretrain", env_steps=0)
    fixed = agent_of("cal_ql", seed=1, automatic_temperature=False)
    checkpoint.restore(fixed)
    assert same_weights(saved, fixed)
    assert fixed.updates == 1
    assert fixed.optimizers["critic"].state_dict()["state"][0]["step"] == 1
    with pytest.raises(ValueError, match="log_lagrange"):
        checkpoint.restore(agent_of("cal_ql", lagrange=True))


def test_learning_rates_and_first_temperature_are_those_of_the_run_that_loads():
    saved = agent_of("cal_ql", q_weight=1.0)
    saved.update(pixel_batch())
    checkpoint = Checkpoint.of(saved, SPEC, RunConfig(), "pretrain", env_steps=0)
    changes: dict[str, Any] = {"actor_lr": 1e-5, "critic_lr": 2e-5, "initial_temperature": 0.5}
    agent = agent_of("cal_ql", q_weight=1.0, **changes)
    checkpoint.restore(agent)
    rates = {name: o.param_groups[0]["lr"] for name, o in agent.optimizers.items()}
    assert rates == {"critic": 2e-5, "actor": 1e-5, "temperature": 1e-5}
    assert agent.temperature == pytest.approx(0.5)
    same = agent_of("cal_ql", q_weight=1.0)
    checkpoint.restore(same)
    assert same.temperature == saved.temperature != same.config.initial_temperature


def test_a_checkpoint_keeps_how_its_method_goes_online():
    agent = agent_of("wsrl")
    again = Checkpoint.of(agent, SPEC, RunConfig(), "pretrain", env_steps=0).build(CPU)
    assert again.config == agent.config
    assert same_weights(agent, again)
