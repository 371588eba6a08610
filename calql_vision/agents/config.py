"""What a method's configuration holds besides its own options."""

from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges


@dataclass
class OnlineConfig:
    """How a method goes online; fine-tuning alone reads it."""

    pretrained: bool = option(
        True, "false: fine-tuning starts from a fresh agent, without a checkpoint"
    )
    online_fraction: float | None = option(
        0.5,
        "share of online transitions in each batch; 1: no demonstrations; null: by buffer size",
        within="[0, 1]",
    )
    updates_per_step: float = option(
        1.0, "gradient steps per environment step (UTD)", within="[0, 1e3]"
    )
    random_steps: int = option(
        0, "environment steps of uniformly random actions at the start", within="[0, 1e9]"
    )
    warmup_steps: int = option(
        0,
        "environment steps by the policy as it is, after the random ones; no update during either",
        within="[0, 1e9]",
    )
    reference_steps: int | None = option(
        None, "n-step returns as online reference; null: Monte-Carlo", within="[1, 1e6]"
    )
    options: dict[str, Any] = option({}, "options of the algorithm that have another value online")


@dataclass
class AgentConfig:
    """What every algorithm needs."""

    name: str = option(MISSING, "the algorithm")
    label: str = option(
        MISSING, "what its runs are called: their folder, and the curve in the report"
    )
    actor_lr: float = option(
        3e-4, "learning rate of the actor, and of SAC's temperature", within="[0, 1]"
    )
    critic_lr: float = option(
        3e-4, "learning rate of the critics and of the encoder", within="[0, 1]"
    )
    hidden: list[int] = option(
        [128, 128], "widths of the hidden layers of actor and critics", within="[1, 65536]"
    )
    batch_size: int = option(64, "transitions per gradient step", within="[1, 65536]")
    tau: float = option(0.005, "share of the online weights in each target update", within="(0, 1]")
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


def initial_std() -> float:
    """The option of every method whose policy is a Gaussian of one width for all states."""
    return option(
        1.0,
        "std of the policy at the start, in every action dimension; the official 1 takes thousands "
        "of updates to fall to that of demonstrations, and what is sampled until then fails",
        within="[0.01, 1]",
    )


@dataclass
class CriticConfig(AgentConfig):
    """What every algorithm with Q-functions needs."""

    critics: int = option(2, "E, number of Q-functions", within="[1, 1000]")
    layer_norm: bool = option(True, "LayerNorm in the critics; the official Cal-QL code has none")
    averaged_encoder: bool = option(
        True, "the target sees s' through a moving average of the encoder"
    )

    def value_travel(self, length: float) -> float:
        return length / self.tau if self.critic_lr > 0 else 0.0


Config = TypeVar("Config", bound=AgentConfig)


def with_options(config: Config, options: dict[str, Any]) -> Config:
    """A copy of `config` with other values for some of its options, nested ones included.

    Raises ValueError for an option that the algorithm does not have, for a wrong type and for a
    number outside the option's range.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(config), options)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"algo={config.label}, {error.full_key}: {reason}") from error
    complete = cast(Config, OmegaConf.to_object(merged))
    check_ranges(complete, "algo.")
    return complete


def online_config(config: Config) -> Config:
    """What fine-tuning trains with: the agent itself does not know whether it is online."""
    return with_options(config, config.online.options)
