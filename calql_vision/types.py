"""The nouns that flow through the program; every other module meets its neighbours here.

Shape letters: B batch, V views, H W image, C channels, P proprioception, D features, A action,
T steps, S numbers of a simulator state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

#: One scalar tensor per name; converted to floats only when a row is logged.
Metrics = dict[str, Tensor]

#: What an environment returns: {"images": uint8 [V, H, W, 3], "proprio": float32 [P]}.
EnvObservation = dict[str, np.ndarray]


#: Least and greatest, A numbers each.
Range = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class EnvSpec:
    """What a policy must know of an environment. Plain data: survives JSON and checkpoints."""

    name: str  # "family/task", what make_env takes
    cameras: tuple[str, ...]  # in the order of the images' first axis
    image_size: tuple[int, int]  # height, width in pixels
    proprio: dict[str, int]  # name -> width, in the order in which they are concatenated
    action_dim: int
    horizon: int  # steps after which an episode is truncated
    control_hz: float
    kwargs: dict[str, Any] = field(default_factory=dict)  # further arguments of make_env
    action_range: Range | None = None  # what -1 and 1 mean where recordings were rescaled

    @property
    def proprio_dim(self) -> int:
        """Length P of the concatenated proprioception."""
        return sum(self.proprio.values())

    def to_dict(self) -> dict[str, Any]:
        """Lists, numbers and strings only, so that JSON and weights_only loading take it."""
        plain = asdict(self)
        lists = {"cameras": list(self.cameras), "image_size": list(self.image_size)}
        if self.action_range:
            lists["action_range"] = [list(bound) for bound in self.action_range]
        return plain | lists

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> EnvSpec:
        """Inverse of `to_dict`."""
        tuples = {
            "cameras": tuple(plain["cameras"]),
            "image_size": tuple(plain["image_size"]),
            "action_range": as_range(plain.get("action_range")),
        }
        return cls(**plain | tuples)


def as_range(bounds: Any) -> Range | None:
    """Of two lists, as JSON has them; None of nothing."""
    return (tuple(bounds[0]), tuple(bounds[1])) if bounds else None


@dataclass(frozen=True)
class Episode:
    """T actions and the T+1 observations around them, of one episode.

    The episode ended by success, or else by the time limit: `success` is True exactly when the
    last action reached the goal, which is the only terminal transition.
    """

    images: np.ndarray  # uint8 [T+1, V, H, W, 3], upright
    proprio: np.ndarray  # float32 [T+1, P]
    actions: np.ndarray  # float32 [T, A] in [-1, 1]
    rewards: np.ndarray  # float32 [T], as the environment gave them (unscaled)
    success: bool
    states: np.ndarray | None = None  # float64 [T+1, S], simulator states, to replay the episode
    model: str | None = None  # the simulator's model (MJCF) that the states belong to

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class Observation:
    """A batch of what the policy sees."""

    images: Tensor  # uint8 [B, V, H, W, C]; C = 3 x stacked frames
    proprio: Tensor  # float32 [B, P x stacked frames]

    def to(self, device: torch.device) -> Observation:
        return self.map(lambda part: part.to(device, non_blocking=True))

    def map(self, change: Callable[[Tensor], Tensor]) -> Observation:
        """Both tensors changed in the same way."""
        return Observation(change(self.images), change(self.proprio))


@dataclass(frozen=True)
class PixelBatch:
    """Transitions as sampled: pixels in, before augmentation and encoder."""

    observation: Observation
    action: Tensor  # [B, A]
    reward: Tensor  # [B], scaled and shifted
    discount: Tensor  # [B], gamma, or 0 where success ended the episode
    next_observation: Observation
    return_to_go: Tensor  # [B], the reference value that calibrates
    success: Tensor  # bool [B], whether the transition's whole episode succeeded

    def __len__(self) -> int:
        """B."""
        return len(self.action)

    def to(self, device: torch.device) -> PixelBatch:
        return self.map(lambda part: part.to(device, non_blocking=True))

    def tensors(self) -> list[Tensor]:
        """All of them, always in the same order."""
        groups = [
            list(vars(part).values()) if isinstance(part, Observation) else [part]
            for part in vars(self).values()
        ]
        return [tensor for group in groups for tensor in group]

    def pinned(self) -> PixelBatch:
        """In memory from which a GPU can copy while the CPU goes on; what is there stays there."""
        return self.map(lambda part: part if part.is_cuda else part.pin_memory())

    def rows(self, start: int, stop: int) -> PixelBatch:
        """A part, as a view of the same memory."""
        return self.map(lambda part: part[start:stop])

    def map(self, change: Callable[[Tensor], Tensor]) -> PixelBatch:
        """Every tensor changed in the same way."""
        changed: dict[str, Any] = {
            name: part.map(change) if isinstance(part, Observation) else change(part)
            for name, part in vars(self).items()
        }
        return PixelBatch(**changed)


@dataclass(frozen=True)
class FeatureBatch:
    """Transitions after the encoder: what the losses see."""

    features: Tensor  # [B, D], with gradient into the encoder
    actor_features: Tensor  # [B, D], the same detached, or from the actor's own encoder
    action: Tensor  # [B, A]
    reward: Tensor  # [B]
    discount: Tensor  # [B]
    next_features: Tensor  # [B, D], as target networks see s'; without gradient
    next_actor_features: Tensor  # [B, D], as the actor sees s'; without gradient
    return_to_go: Tensor  # [B]
    success: Tensor  # bool [B]


class Policy(Protocol):
    """Anything that acts: an agent, a scripted expert, random actions."""

    def reset(self) -> None:
        """Forget the last episode (frame stack, phase of a script)."""

    def act(self, observation: EnvObservation) -> np.ndarray:
        """One observation -> action float32 [A] in [-1, 1]."""


class PixelEnv(Protocol):
    """The contract of every environment behind `make_env`: a gymnasium.Env with these besides."""

    pixel_spec: EnvSpec
    action_space: Any
    observation_space: Any

    def reset(self, *, seed: int | None = None) -> tuple[EnvObservation, dict[str, Any]]: ...

    def step(self, action: np.ndarray) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        """`info["success"]`; terminated = success, truncated = time limit; reward 1 on success."""

    def get_state(self) -> np.ndarray:
        """The complete simulator state, float64 [S]."""

    def set_state(self, state: np.ndarray) -> EnvObservation:
        """Restore `get_state`'s state and render it."""

    def is_success(self) -> bool:
        """Whether the goal is reached in the present state."""

    def model_xml(self) -> str:
        """The simulator's model as text, to be stored beside the states."""

    def render(self) -> np.ndarray:
        """A picture for people, uint8 [H, W, 3]."""

    def close(self) -> None: ...
