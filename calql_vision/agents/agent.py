"""When things happen in an update; the algorithms say what."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from calql_vision.agents.config import AgentConfig, CriticConfig
from calql_vision.agents.networks import EnsembleCritic
from calql_vision.agents.ranks import rank, rank_seed, sum_over_ranks
from calql_vision.encoders.config import EncoderConfig
from calql_vision.encoders.pixels import ObservationShape, PixelEncoder, augment
from calql_vision.types import FeatureBatch, Metrics, Observation, PixelBatch


class Agent(nn.Module, ABC):
    """Encoder, networks and optimizers, and the order of one update.

    A subclass builds its networks, `actor` among them, names its optimizers and returns one loss
    per optimizer. Every loss is differentiated for its own parameters at the weights before the
    step, as in the official code; then all optimizers step and the targets follow.
    """

    actor: nn.Module  # features -> distribution

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
        self.half_encoders = False  # bfloat16 in the encoders while learning, and nowhere else
        self.fast_update: Callable[[PixelBatch], Metrics] | None = None  # `update`, recorded
        torch.manual_seed(seed)  # initial weights; all later draws use the agent's own generator
        self.generator = torch.Generator(device).manual_seed(rank_seed(seed, rank()))
        self.encoder = PixelEncoder(shape, encoder)
        self.actor_encoder = PixelEncoder(shape, encoder) if config.own_actor_encoder else None
        self.target_encoder: PixelEncoder | None = None  # where targets are slow, see CriticAgent
        self.slow_actor: nn.ModuleList | None = None  # (encoder, actor), averaged over updates
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self._trained: dict[str, list[nn.Parameter]] = {}

    @abstractmethod
    def losses(self, batch: FeatureBatch) -> tuple[dict[str, Tensor], Metrics]:
        """One scalar per optimizer, and what to log."""

    def targets(self) -> list[tuple[nn.Module, nn.Module]]:
        """Pairs (target, online) of networks; the first follows the second."""
        pairs: list[tuple[nn.Module, nn.Module]] = []
        if self.target_encoder is not None:
            pairs.append((self.target_encoder, self.encoder))
        if self.slow_actor is not None:
            pairs += zip(self.slow_actor, (self.acting_encoder, self.actor), strict=True)
        return pairs

    def add_slow_actor(self) -> None:
        """Where the agent acts by an average of its actor's weights; once the actor is built.

        A single step can leave the mean policy standing still a few centimetres from its goal.
        """
        if self.config.averaged_actor:
            parts = (self.acting_encoder, self.actor)
            self.slow_actor = nn.ModuleList(deepcopy(parts)).requires_grad_(False)

    def policy_action(self, observation: Observation, deterministic: bool) -> Tensor:
        """Observations -> actions [B, A] in [-1, 1]."""
        encoder, actor = self.acting
        policy = actor(encoder(observation))
        if deterministic:
            return policy.mode
        return policy.sample(self.randn(*policy.mean.shape))[0]

    def add_optimizer(self, name: str, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Adam over `parameters`, fed by the loss called `name`.

        On a GPU its rate is a tensor, which a recorded update reads every time; a number would be
        part of the recording, and another rate would need another one.
        """
        gpu = self.device.type == "cuda"
        self._trained[name] = [each for each in parameters if each.requires_grad]
        self.optimizers[name] = torch.optim.Adam(
            self._trained[name],
            lr=torch.tensor(lr, device=self.device) if gpu else lr,
            fused=True,
            capturable=gpu,
        )

    def load_optimizer(self, name: str, state: dict[str, Any]) -> None:
        """Adam's moments from `state`; all else stays as the configuration and the device ask."""
        optimizer = self.optimizers[name]
        own = [dict(group) for group in optimizer.param_groups]
        optimizer.load_state_dict(state)
        for group, options in zip(optimizer.param_groups, own, strict=True):
            group.update(options)

    def anneal_actor(self, progress: float) -> None:
        """The learning rate of an actor that is to settle: half a cosine over pre-training."""
        if self.config.annealed_actor:
            rate = self.config.actor_lr * (1 + math.cos(math.pi * progress)) / 2
            for group in self.optimizers["actor"].param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def fade(self, progress: float, held: float) -> None:
        """Weigh less, as online training goes from 0 to 1, what is meant for its beginning.

        `held` in [0, 1] is the share that stays to the end.
        """

    def critic_parameters(self, *networks: nn.Module) -> list[nn.Parameter]:
        """The critic's loss trains the encoder together with `networks`."""
        return [p for network in (self.encoder, *networks) for p in network.parameters()]

    def actor_parameters(self, *networks: nn.Module) -> list[nn.Parameter]:
        """The actor's loss trains its own encoder, where it has one."""
        own = () if self.actor_encoder is None else (self.actor_encoder,)
        return [p for network in (*own, *networks) for p in network.parameters()]

    def update(self, batch: PixelBatch) -> Metrics:
        """One gradient step on everything. Metrics stay on the device.

        With several ranks `batch` is what this one has of a batch of `config.batch_size`.
        """
        losses, metrics = self.losses(self.encode(batch))
        self.step(losses, share=len(batch) / self.config.batch_size)
        return metrics

    def step(self, losses: dict[str, Tensor], share: float = 1.0) -> None:
        """Differentiate every loss for its own parameters, then move everything.

        `share` of the batch is this rank's.
        """
        for name, loss in losses.items():
            self.differentiate(name, loss)
        trained = [p for name in losses for p in self._trained[name]]
        sum_over_ranks([p.grad for p in trained if p.grad is not None], share)
        for name in losses:
            self.optimizers[name].step()
        self.follow_targets()
        self.updates += 1

    def branch(self) -> object:
        """What the count of updates decides in the next one; who records an update asks."""
        return None

    def differentiate(self, name: str, loss: Tensor) -> None:
        """The gradient of one loss, for the parameters that its optimizer moves."""
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward(inputs=self._trained[name])

    def encode(self, batch: PixelBatch) -> FeatureBatch:
        """Augment s and s' once each, and encode them for those who see them.

        Critic and actor share the features of s unless the actor has an encoder of its own.
        """
        observation = augment(batch.observation, self.encoder_config, self.generator)
        following = augment(batch.next_observation, self.encoder_config, self.generator)
        features = self._see(self.encoder, observation)
        own = self.actor_encoder
        return FeatureBatch(
            features=features,
            actor_features=features.detach() if own is None else self._see(own, observation),
            action=batch.action,
            reward=batch.reward,
            discount=batch.discount,
            **self._encode_next(following),
            return_to_go=batch.return_to_go,
            success=batch.success,
        )

    def _see(self, encoder: PixelEncoder, observation: Observation) -> Tensor:
        """Features in float32; losses, targets and policies never see another type."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_encoders):
            return encoder(observation).float()

    @torch.no_grad()
    def _encode_next(self, following: Observation) -> dict[str, Tensor]:
        """s' through the target's encoder and through the actor's, once where they are the same."""
        target = self.target_encoder or self.encoder
        seen = self._see(target, following)
        same = target is self.acting_encoder
        return {
            "next_features": seen,
            "next_actor_features": seen if same else self._see(self.acting_encoder, following),
        }

    @torch.no_grad()
    def follow_targets(self) -> None:
        """target <- target + tau (online - target)."""
        for target, online in self.targets():
            torch._foreach_lerp_(
                list(target.parameters()), list(online.parameters()), self.config.tau
            )

    @torch.no_grad()
    def act(
        self,
        observation: Observation,
        deterministic: bool,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Observations (batch B, any device) -> actions [B, A] in [-1, 1].

        Noise is drawn from `generator`, on the agent's device; None: from the agent's own.
        """
        own, self.generator = self.generator, generator or self.generator
        try:
            return self.policy_action(observation.to(self.device), deterministic)
        finally:
            self.generator = own

    @property
    def acting(self) -> tuple[nn.Module, nn.Module]:
        """The encoder and the actor that choose actions."""
        encoder, actor = self.slow_actor or (self.acting_encoder, self.actor)
        return encoder, actor

    @property
    def acting_encoder(self) -> PixelEncoder:
        """The encoder through which the actor sees."""
        return self.actor_encoder or self.encoder

    def normalise_proprio(self, mean: Tensor, std: Tensor) -> None:
        """Fix the statistics [P] by which every encoder normalises proprioception."""
        for module in self.modules():
            if isinstance(module, PixelEncoder):
                module.normalise_proprio(mean, std)

    def randn(self, *size: int) -> Tensor:
        return torch.randn(*size, generator=self.generator, device=self.device)


class CriticAgent(Agent):
    """An actor and an ensemble of critics, with slow copies of the critics and their encoder.

    Without the copy of the encoder a target moves with the encoder's every step, ten times as
    fast as `tau` says: value of s' comes through the online convolutions then.
    """

    config: CriticConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        config, width = self.config, self.encoder_config.features
        self.critic = EnsembleCritic(
            width, self.action_dim, config.hidden, config.critics, config.layer_norm
        )
        self.target_critic = deepcopy(self.critic).requires_grad_(False)
        if config.averaged_encoder:
            self.target_encoder = deepcopy(self.encoder).requires_grad_(False)
        self.actor = self.build_actor(width)
        self.add_slow_actor()
        self.to(self.device)
        self.add_optimizer("critic", self.critic_parameters(self.critic), config.critic_lr)
        self.add_optimizer("actor", self.actor_parameters(self.actor), config.actor_lr)

    @abstractmethod
    def build_actor(self, features: int) -> nn.Module:
        """The policy's network on `features` numbers."""

    def targets(self) -> list[tuple[nn.Module, nn.Module]]:
        return [*super().targets(), (self.target_critic, self.critic)]


def critic_metrics(batch: FeatureBatch, q_data: Tensor, td_loss: Tensor) -> Metrics:
    """What every algorithm with critics reports of them."""
    return {
        "td_loss": td_loss.detach(),
        "q_data": q_data.detach().mean(),
        "return_to_go": batch.return_to_go.mean(),
    }
