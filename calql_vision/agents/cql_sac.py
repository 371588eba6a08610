"""CQL offline (Kumar et al., arXiv 2006.04779), SAC online: pessimism ends with the data set."""

from dataclasses import dataclass, field

from calql_vision.agents.cal_ql import CalQLConfig
from calql_vision.agents.config import OnlineConfig


@dataclass
class CQLSACConfig(CalQLConfig):
    """`CalQL` is the agent: without its floor it is CQL, without its penalty SAC."""

    name: str = "cql_sac"
    label: str = "cql_sac"
    calibrated: bool = False
    online: OnlineConfig = field(
        default_factory=lambda: OnlineConfig(options={"penalty_weight": 0.0})
    )
