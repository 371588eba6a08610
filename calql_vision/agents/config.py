"""What a method's configuration holds besides its own options."""

from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from calql_vision.configs import option


@dataclass
class OnlineConfig:
    """How a method goes online; fine-tuning alone reads it."""

    pretrained: bool = option(
        True, "false: fine-tuning starts from a fresh agent, without a checkpoint"
    )
    online_fraction: float | None = option(
        0.5, "share of online transitions in each batch; 1: no demonstrations; null: by buffer size"
    )
    updates_per_step: float = option(1.0, "gradient steps per environment step (UTD)")
    random_steps: int = option(0, "environment steps of uniformly random actions at the start")
    warmup_steps: int = option(
        0,
        "environment steps by the policy as it is, after the random ones; no update during either",
    )
    reference_steps: int | None = option(
        None, "n-step returns as online reference; null: Monte-Carlo"
    )
    options: dict[str, Any] = option({}, "options of the algorithm that have another value online")

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

    name: str = option(MISSING, "the algorithm")
    label: str = option(
        MISSING, "what its runs are called: their folder, and the curve in the report"
    )
    actor_lr: float = option(3e-4, "learning rate of the actor, and of SAC's temperature")
    critic_lr: float = option(3e-4, "learning rate of the critics and of the encoder")
    hidden: list[int] = option([128, 128], "widths of the hidden layers of actor and critics")
    batch_size: int = option(64, "transitions per gradient step")
    tau: float = option(0.005, "share of the online weights in each target update")
    own_actor_encoder: bool = option(False, "the actor's loss trains an encoder of its own")
    averaged_actor: bool = option(False, "act by a moving average of the actor's weights")
    annealed_actor: bool = option(
        False, "the actor's learning rate falls to 0 over pre-training, as half a cosine"
    )
    online: OnlineConfig = field(default_factory=OnlineConfig)

    def value_travel(self, length: float) -> float:
        """Updates until the value of an episode's end has reached its start, `length` steps away.

        0 where no value is learnt, or where it need not travel.
        """
        return 0.0


@dataclass
class CriticConfig(AgentConfig):
    """What every algorithm with Q-functions needs."""

    critics: int = option(2, "E, number of Q-functions")
    layer_norm: bool = option(True, "LayerNorm in the critics; the official Cal-QL code has none")
    averaged_encoder: bool = option(
        True, "the target sees s' through a moving average of the encoder"
    )

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
    return cast(Config, OmegaConf.to_object(merged))


def online_config(config: Config) -> Config:
    """What fine-tuning trains with: the agent itself does not know whether it is online."""
    return with_options(config, config.online.options)
