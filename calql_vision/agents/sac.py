"""SAC (Haarnoja et al., arXiv 1812.05905), online and from nothing."""

from dataclasses import dataclass, field

from calql_vision.agents.config import OnlineConfig
from calql_vision.agents.soft import SoftConfig


@dataclass
class SACConfig(SoftConfig):
    """The published target: one next action, and its entropy counts. `SoftAgent` is the agent."""

    name: str = "sac"
    label: str = "sac"
    max_target_backup: bool = False
    backup_entropy: bool = True
    online: OnlineConfig = field(
        default_factory=lambda: OnlineConfig(
            pretrained=False, online_fraction=1.0, random_steps=200
        )
    )
