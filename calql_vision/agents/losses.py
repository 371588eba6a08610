"""Losses that several algorithms share, and published formulas: tensor in, tensor out."""

import torch
from torch import Tensor


def temporal_difference_loss(q: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of q [E, B] to target [B], summed over critics.

    Without the paper's factor 1/2, as in the official code: the penalty's weight is tuned to it.
    """
    return (q - target).square().mean(-1).sum()


def actor_loss(q: Tensor, log_prob: Tensor, temperature: Tensor) -> Tensor:
    """SAC's policy loss, mean of temperature x log-probability - Q over [B]."""
    return (temperature * log_prob - q).mean()


def temperature_loss(log_temperature: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """SAC's dual step on the log of the temperature, which holds the entropy at its target."""
    return -log_temperature * (log_prob.detach() + target_entropy).mean()


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """Mean of |expectile - 1(difference < 0)| x difference^2: IQL, equation 4."""
    weight = torch.where(difference < 0, 1 - expectile, expectile)
    return (weight * difference.square()).mean()


def regression_loss(log_prob: Tensor, weight: Tensor) -> Tensor:
    """Weighted behaviour cloning, -mean of weight x log-probability over [B]."""
    return -(weight.detach() * log_prob).mean()
