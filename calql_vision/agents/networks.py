"""Networks on features: a batched ensemble of critics and two kinds of Gaussian actors."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EDGE_LOG_STD = -3.0  # least log of the width of a likelihood at the edge: 5 % of the range
EDGE = 0.999  # largest |action| whose likelihood under a squashed Gaussian is asked for


class EnsembleLinear(nn.Module):
    """E linear layers as one batched product: [E, B, in] -> [E, B, out]."""

    def __init__(self, ensemble: int, inputs: int, outputs: int, bias: bool = True):
        super().__init__()
        bound = 1 / math.sqrt(inputs)  # the same law as nn.Linear
        self.weight = nn.Parameter(torch.empty(ensemble, inputs, outputs).uniform_(-bound, bound))
        self.bias = (
            nn.Parameter(torch.empty(ensemble, 1, outputs).uniform_(-bound, bound))
            if bias
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias, x, self.weight)


class EnsembleLayerNorm(nn.Module):
    """LayerNorm over the last axis with weights of its own for every member."""

    def __init__(self, ensemble: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(ensemble, 1, width))
        self.bias = nn.Parameter(torch.zeros(ensemble, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[-1:]), self.weight)


class EnsembleCritic(nn.Module):
    """Q_1..Q_E(s, a) for one or many actions per state, all members at once.

    The first layer splits into a part for features and a part for actions, so that the features'
    product is computed once per state and tiled over the actions, however many they are.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        hidden: Sequence[int] = (256, 256),
        ensemble: int = 2,
        layer_norm: bool = False,
    ):
        super().__init__()
        self.ensemble = ensemble
        self.from_features = EnsembleLinear(ensemble, features, hidden[0])
        self.from_actions = EnsembleLinear(ensemble, actions, hidden[0], bias=False)
        bound = 1 / math.sqrt(features + actions)
        for parameter in (*self.from_features.parameters(), *self.from_actions.parameters()):
            nn.init.uniform_(parameter, -bound, bound)
        self.norms = nn.ModuleList(
            EnsembleLayerNorm(ensemble, width) if layer_norm else nn.Identity() for width in hidden
        )
        self.layers = nn.ModuleList(
            EnsembleLinear(ensemble, *widths) for widths in pairwise(hidden)
        )
        self.head = EnsembleLinear(ensemble, hidden[-1], 1)

    def forward(self, features: Tensor, actions: Tensor) -> Tensor:
        """features [B, D], actions [B, N, A] -> [E, B, N]; actions [B, A] -> [E, B]."""
        if actions.ndim == 2:
            return self(features, actions.unsqueeze(1)).squeeze(-1)
        batch, count, _ = actions.shape
        state = self.from_features(features.expand(self.ensemble, -1, -1))  # [E, B, H]
        action = self.from_actions(actions.flatten(0, 1).expand(self.ensemble, -1, -1))
        hidden = action.unflatten(1, (batch, count)) + state.unsqueeze(2)
        hidden = F.relu(self.norms[0](hidden.flatten(1, 2)))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            hidden = F.relu(norm(layer(hidden)))
        return self.head(hidden).view(self.ensemble, batch, count)


def mlp(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """ReLU layers and a linear head."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def log_normal(noise: Tensor, log_std: Tensor) -> Tensor:
    """Log-density, element by element, of a normal variable that lies `noise` stds off its mean."""
    return -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)


class TanhGaussian:
    """Distribution of tanh(mean + std x noise), noise standard normal; mean and std [B, A]."""

    def __init__(self, mean: Tensor, log_std: Tensor):
        self.mean, self.log_std = mean, log_std

    @property
    def mode(self) -> Tensor:
        return torch.tanh(self.mean)

    def detach(self) -> "TanhGaussian":
        return TanhGaussian(self.mean.detach(), self.log_std.detach())

    def sample(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """noise [B, A] or [B, N, A] -> actions of that shape and log-probabilities [B(, N)].

        Reparameterised: gradients reach mean and std. log(1 - tanh(x)^2) is written as
        2 (log 2 - x - softplus(-2x)), which does not round to log 0.
        """
        mean, log_std = self.mean, self.log_std
        if noise.ndim == 3:
            mean, log_std = mean.unsqueeze(1), log_std.unsqueeze(1)
        raw = mean + log_std.exp() * noise
        return torch.tanh(raw), self._log_density(raw, noise, log_std)

    def log_prob(self, action: Tensor) -> Tensor:
        """Log-probabilities [B] of actions [B, A] that somebody else took.

        At the edge of the range a squashed Gaussian has no density: actions count as EDGE there.
        """
        raw = torch.atanh(action.clamp(-EDGE, EDGE))
        noise = (raw - self.mean) / self.log_std.exp()
        return self._log_density(raw, noise, self.log_std)

    def edge_log_prob(self, action: Tensor) -> Tensor:
        """Log-density [B] of actions [B, A] under normals around tanh(mean), edges included.

        Not this distribution's own, but one whose gradient stays bounded at the edge of the
        range; a log_std below EDGE_LOG_STD counts as that, so that a constant action cannot
        collapse the width.
        """
        log_std = self.log_std.clamp(EDGE_LOG_STD)
        noise = (action - self.mode) / log_std.exp()
        return log_normal(noise, log_std).sum(-1)

    @staticmethod
    def _log_density(raw: Tensor, noise: Tensor, log_std: Tensor) -> Tensor:
        gaussian = log_normal(noise, log_std)
        squash = 2 * (math.log(2) - raw - F.softplus(-2 * raw))
        return (gaussian - squash).sum(-1)


class TanhGaussianActor(nn.Module):
    """Features -> TanhGaussian, with the official learned scale and offset of log_std."""

    def __init__(self, features: int, actions: int, hidden: Sequence[int] = (256, 256)):
        super().__init__()
        self.body = mlp(features, hidden, 2 * actions)
        self.log_std_multiplier = nn.Parameter(torch.tensor(1.0))
        self.log_std_offset = nn.Parameter(torch.tensor(-1.0))

    def forward(self, features: Tensor) -> TanhGaussian:
        mean, raw = self.body(features).chunk(2, dim=-1)
        log_std = self.log_std_multiplier * raw + self.log_std_offset
        return TanhGaussian(mean, log_std.clamp(-20.0, 2.0))


class ClippedGaussian:
    """Independent normals around mean [B, A], clipped to the range of actions; log_std [A]."""

    def __init__(self, mean: Tensor, log_std: Tensor):
        self.mean, self.log_std = mean, log_std

    @property
    def mode(self) -> Tensor:
        return self.mean

    def sample(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """noise [B, A] -> clipped actions [B, A], log-probabilities before clipping [B]."""
        raw = self.mean + self.log_std.exp() * noise
        return raw.clamp(-1, 1), log_normal(noise, self.log_std).sum(-1)

    def log_prob(self, action: Tensor) -> Tensor:
        """Log-probabilities [B] of actions [B, A], of which none is too near the edge."""
        return log_normal((action - self.mean) / self.log_std.exp(), self.log_std).sum(-1)


class GaussianActor(nn.Module):
    """Features -> ClippedGaussian: tanh of the mean, one std per action dimension for all states.

    The policy of the official IQL code, whose width is learnt and begins as `std`. With `fixed`
    the width stays, no part of the weights, and the actor is a deterministic one that explores
    with Gaussian noise, as TD3's.
    """

    def __init__(
        self, features: int, actions: int, hidden: Sequence[int], std: float, fixed: bool = False
    ):
        super().__init__()
        self.body = mlp(features, hidden, actions)
        log_std = torch.full((actions,), math.log(std))
        if fixed:
            self.register_buffer("log_std", log_std, persistent=False)
        else:
            self.log_std = nn.Parameter(log_std)

    def forward(self, features: Tensor) -> ClippedGaussian:
        return ClippedGaussian(torch.tanh(self.body(features)), self.log_std.clamp(-5.0, 2.0))
