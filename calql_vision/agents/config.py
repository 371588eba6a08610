"""What a method's configuration holds besides its own options."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException


@dataclass
class OnlineConfig:
    """How a method goes online; fine-tuning alone reads it."""

    pretrained: bool = True  # false: fine-tuning starts from a fresh agent, without a checkpoint
    online_fraction: float | None = 0.5  # of each batch; 1: no demonstrations; null: by size
    updates_per_step: float = 1.0  # gradient steps per environment step (UTD)
    random_steps: int = 0  # environment steps of uniformly random actions at the start
    warmup_steps: int = 0  # then so many by the policy as it is; no update during either
    reference_steps: int | None = None  # n-step returns as online reference; null: Monte-Carlo
    options: dict[str, Any] = field(default_factory=dict)  # of the algorithm, that change online

    def __post_init__(self) -> None:
        """ValueError for what no run could do."""
        if self.online_fraction is not None and not 0 <= self.online_fraction <= 1:
            raise ValueError(
                f"algo.online.online_fraction={self.online_fraction} is outside 0..1; "
                "null mixes in proportion to the buffers"
            )
        for name in ("updates_per_step", "random_steps", "warmup_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"algo.online.{name}={getattr(self, name)} is below 0")


@dataclass
class AgentConfig:
    """What every algorithm needs."""

    name: str = MISSING  # a key of AGENTS
    label: str = MISSING  # of its runs: the folder, and the curve in the report
    actor_lr: float = 3e-4
    critic_lr: float = 3e-4  # the encoder's too
    hidden: list[int] = field(default_factory=lambda: [128, 128])
    batch_size: int = 64
    tau: float = 0.005  # share of the online weights in each target update
    own_actor_encoder: bool = False  # the actor's loss trains an encoder of its own
    averaged_actor: bool = False  # acts by a moving average of the actor's weights
    online: OnlineConfig = field(default_factory=OnlineConfig)

    def value_travel(self, length: float) -> float:
        """Updates until the value of an episode's end has reached its start, `length` steps away.

        0 where no value is learnt, or where it need not travel.
        """
        return 0.0


@dataclass
class CriticConfig(AgentConfig):
    """What every algorithm with Q-functions needs."""

    critics: int = 2  # E
    layer_norm: bool = True  # in the critics; the official Cal-QL code has none
    averaged_encoder: bool = True  # the target sees s' through a moving average of the encoder

    def value_travel(self, length: float) -> float:
        return length / self.tau


Config = TypeVar("Config", bound=AgentConfig)


def with_options(config: Config, options: dict[str, Any]) -> Config:
    """A copy of `config` with other values for some of its options, nested ones included.

    Raises ValueError for an option that the algorithm does not have and for a wrong type.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(config), options)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"algo={config.label}, {error.full_key}: {reason}") from error
    return OmegaConf.to_object(merged)


def online_config(config: Config) -> Config:
    """What fine-tuning trains with: the agent itself does not know whether it is online."""
    return with_options(config, config.online.options)
