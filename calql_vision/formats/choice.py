"""What the user may want otherwise than a source has it."""

from dataclasses import dataclass, field
from typing import Any

#: What may tell that a step succeeded; None, the source's own mark, is the default.
SUCCESS_RULES = {
    None: "the source's own mark",
    "reward": "the reward is positive, or reaches reward_threshold",
    "termination": "the environment terminated, which was not for failure",
    "all": "the last step of every episode",
}


@dataclass(frozen=True)
class Choice:
    """What the user wants of a source; None is the source's own."""

    env: str | None = None
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    cameras: list[str] | None = None
    proprio_keys: list[str] | None = None
    rename: dict[str, str] = field(default_factory=dict)  # cameras and proprioception: old -> new
    image_size: int | None = None
    control_hz: float | None = None
    success: str | None = None  # one of SUCCESS_RULES
    reward_threshold: float | None = None  # the rule `reward`: from which on a step succeeds
    rescale_actions: bool = False  # action_range onto [-1, 1]
    stores_last: bool = False  # whether the observation after the last action will be stored

    def __post_init__(self) -> None:
        if self.success not in SUCCESS_RULES:
            rules = ", ".join(f"{rule or 'null'} ({what})" for rule, what in SUCCESS_RULES.items())
            raise ValueError(f"success={self.success!r} does not exist; choose {rules}")
        if self.reward_threshold is not None and self.success != "reward":
            raise ValueError(
                f"reward_threshold={self.reward_threshold:g} says which rewards are successes; "
                "set success=reward beside it"
            )
