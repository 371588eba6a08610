"""Distributions of actions against those of torch."""

import torch
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution

from calql_vision.agents.networks import EDGE, ClippedGaussian, GaussianActor, TanhGaussian

ACTIONS, FEATURES, BATCH = 3, 8, 6


def test_squashed_likelihood_is_that_of_torch():
    mean, log_std = torch.randn(2, BATCH, ACTIONS)
    action = torch.rand(BATCH, ACTIONS) * 1.9 - 0.95
    squashed = TransformedDistribution(Normal(mean, log_std.exp()), TanhTransform())
    expected = Independent(squashed, 1).log_prob(action)
    torch.testing.assert_close(TanhGaussian(mean, log_std).log_prob(action), expected)


def test_squashed_likelihood_agrees_with_the_samples_and_is_finite_at_the_edge():
    policy = TanhGaussian(torch.zeros(BATCH, ACTIONS), torch.full((BATCH, ACTIONS), -0.5))
    action, log_prob = policy.sample(torch.randn(BATCH, ACTIONS))
    torch.testing.assert_close(policy.log_prob(action), log_prob, rtol=1e-3, atol=1e-4)
    edge = policy.log_prob(torch.ones(BATCH, ACTIONS))
    assert torch.equal(edge, policy.log_prob(torch.full((BATCH, ACTIONS), EDGE)))
    assert torch.isfinite(edge).all()


def test_clipped_likelihood_is_that_of_torch_and_actions_stay_in_range():
    mean, log_std = torch.rand(BATCH, ACTIONS), torch.randn(ACTIONS)
    policy, action = ClippedGaussian(mean, log_std), torch.rand(BATCH, ACTIONS)
    expected = Independent(Normal(mean, log_std.exp()), 1).log_prob(action)
    torch.testing.assert_close(policy.log_prob(action), expected)
    assert policy.sample(100 * torch.randn(BATCH, ACTIONS))[0].abs().max() == 1


def test_a_fixed_width_is_an_option_and_no_weight():
    narrow, wide = (GaussianActor(FEATURES, ACTIONS, [16], std, fixed=True) for std in (0.1, 0.2))
    wide.load_state_dict(narrow.state_dict())
    policy = wide(torch.rand(2, FEATURES))
    torch.testing.assert_close(policy.log_std.exp(), torch.full((ACTIONS,), 0.2))
    assert "log_std" not in dict(wide.named_parameters())


def test_a_learnt_width_begins_as_asked():
    actor = GaussianActor(FEATURES, ACTIONS, [16], 0.2)
    assert "log_std" in dict(actor.named_parameters())
    torch.testing.assert_close(
        actor(torch.rand(2, FEATURES)).log_std.exp(), torch.full((ACTIONS,), 0.2)
    )
