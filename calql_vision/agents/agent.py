"""When things happen in an update; the algorithms say what."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from calql_vision.agents.config import AgentConfig
from calql_vision.encoders.pixels import EncoderConfig, ObservationShape, PixelEncoder, augment
from calql_vision.types import FeatureBatch, Metrics, Observation, PixelBatch


class Agent(nn.Module, ABC):
    """Encoder, networks and optimizers, and the order of one update.

    A subclass builds its networks, `actor` among them, names its optimizers and returns one loss
    per optimizer. Every loss is differentiated for its own parameters at the weights before the
    step, as in the official code; then all optimizers step and the targets follow.
    """

    def __init__(
        self,
        shape: ObservationShape,
        action_dim: int,
        encoder: EncoderConfig,
        config: AgentConfig,
        device: torch.device,
        seed: int,
    ):
        super().__init__()
        self.action_dim, self.encoder_config, self.device = action_dim, encoder, device
        self.config = config
        self.updates = 0  # gradient steps so far
        torch.manual_seed(seed)  # initial weights; all later draws use the agent's own generator
        self.generator = torch.Generator(device).manual_seed(seed)
        self.encoder = PixelEncoder(shape, encoder)
        self.actor_encoder = PixelEncoder(shape, encoder) if encoder.separate_actor else None
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self._trained: dict[str, list[nn.Parameter]] = {}

    @abstractmethod
    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        """One scalar per optimizer, and what to log."""

    def targets(self) -> list[tuple[nn.Module, nn.Module]]:
        """Pairs (target, online) of networks; the first follows the second."""
        return []

    def policy_action(self, features: Tensor, deterministic: bool) -> Tensor:
        """Features [B, D] -> actions [B, A] in [-1, 1]."""
        policy = self.actor(features)
        if deterministic:
            return policy.mode
        return policy.sample(self.randn(*policy.mean.shape))[0]

    def add_optimizer(self, name: str, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Adam over `parameters`, fed by the loss called `name`."""
        self._trained[name] = list(parameters)
        self.optimizers[name] = torch.optim.Adam(self._trained[name], lr=lr, fused=True)

    def critic_parameters(self, *networks: nn.Module) -> list[nn.Parameter]:
        """The critic's loss trains the encoder together with `networks`."""
        return [p for network in (self.encoder, *networks) for p in network.parameters()]

    def actor_parameters(self, *networks: nn.Module) -> list[nn.Parameter]:
        """The actor's loss trains its own encoder, where it has one."""
        own = () if self.actor_encoder is None else (self.actor_encoder,)
        return [p for network in (*own, *networks) for p in network.parameters()]

    def update(self, batch: PixelBatch) -> Metrics:
        """One gradient step on everything. Metrics stay on the device."""
        losses, metrics = self.losses(self.encode(batch))
        self.step(losses)
        return metrics

    def step(self, losses: dict[str, Tensor]) -> None:
        """Differentiate every loss for its own parameters, then move everything."""
        for name, loss in losses.items():
            self.optimizers[name].zero_grad(set_to_none=True)
            loss.backward(inputs=self._trained[name])
        for name in losses:
            self.optimizers[name].step()
        self.follow_targets()
        self.updates += 1

    def encode(self, batch: PixelBatch) -> FeatureBatch:
        """Augment and encode s and s' once each; critic and actor share the result."""
        observation = augment(batch.observation, self.encoder_config, self.generator)
        following = augment(batch.next_observation, self.encoder_config, self.generator)
        features = self.encoder(observation)
        with torch.no_grad():
            next_features = self.encoder(following)
        actor_features, next_actor_features = features.detach(), next_features
        if self.actor_encoder is not None:
            actor_features = self.actor_encoder(observation)
            with torch.no_grad():
                next_actor_features = self.actor_encoder(following)
        return FeatureBatch(
            features=features,
            actor_features=actor_features,
            action=batch.action,
            reward=batch.reward,
            discount=batch.discount,
            next_features=next_features,
            next_actor_features=next_actor_features,
            return_to_go=batch.return_to_go,
            success=batch.success,
        )

    @torch.no_grad()
    def follow_targets(self) -> None:
        """target <- target + tau (online - target)."""
        for target, online in self.targets():
            torch._foreach_lerp_(
                list(target.parameters()), list(online.parameters()), self.config.tau
            )

    @torch.no_grad()
    def act(self, observation: Observation, deterministic: bool) -> Tensor:
        """Observations (batch B, any device) -> actions [B, A] in [-1, 1]."""
        return self.policy_action(self.acting_encoder(observation.to(self.device)), deterministic)

    @property
    def acting_encoder(self) -> PixelEncoder:
        """The encoder through which the actor sees."""
        return self.actor_encoder or self.encoder

    def normalise_proprio(self, mean: Tensor, std: Tensor) -> None:
        """Fix the statistics [P] by which every encoder normalises proprioception."""
        for encoder in filter(None, (self.encoder, self.actor_encoder)):
            encoder.normalise_proprio(mean, std)

    def randn(self, *size: int) -> Tensor:
        return torch.randn(*size, generator=self.generator, device=self.device)


def critic_metrics(batch: FeatureBatch, q_data: Tensor, td_loss: Tensor) -> Metrics:
    """What every algorithm with critics reports of them."""
    return {
        "td_loss": td_loss.detach(),
        "q_data": q_data.detach().mean(),
        "return_to_go": batch.return_to_go.mean(),
    }
