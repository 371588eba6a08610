"""WSRL (Zhou et al., ICLR 2025, arXiv 2412.07762): warm start, then no demonstrations at all."""

from dataclasses import dataclass, field

from calql_vision.agents.cal_ql import CalQLConfig
from calql_vision.agents.config import OnlineConfig


@dataclass
class WSRLConfig(CalQLConfig):
    """`CalQL` offline; online the frozen policy fills the buffer first, then SAC learns from it.

    Warm-up takes the place of the demonstrations: it keeps Q from falling where the online
    buffer does not yet reach (section 5 of the paper).
    """

    name: str = "wsrl"
    label: str = "wsrl"
    online: OnlineConfig = field(
        default_factory=lambda: OnlineConfig(
            online_fraction=1.0, warmup_steps=200, options={"penalty_weight": 0.0}
        )
    )
