"""RLPD (Ball et al., ICML 2023, arXiv 2302.02948): SAC with demonstrations in every batch."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from calql_vision.agents.config import OnlineConfig
from calql_vision.agents.soft import SoftAgent, SoftConfig


@dataclass
class RLPDConfig(SoftConfig):
    """Algorithm 1, with the options of the official pixel configuration."""

    name: str = "rlpd"
    label: str = "rlpd"
    critics: int = 10
    target_critics: int = 2  # Z, drawn at random for every update's target
    max_target_backup: bool = False
    online: OnlineConfig = field(default_factory=lambda: OnlineConfig(pretrained=False))


class RLPD(SoftAgent):
    """SAC whose large ensemble is tamed by random subsets, and whose actor climbs its mean."""

    config: RLPDConfig

    def policy_value(self, q: Tensor) -> Tensor:
        return q.mean(0)

    def target_value(self, q: Tensor) -> Tensor:
        """The least of `target_critics` randomly drawn members."""
        order = torch.randperm(len(q), generator=self.generator, device=self.device)
        return q[order[: self.config.target_critics]].amin(0)
