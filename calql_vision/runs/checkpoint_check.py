"""Is what a checkpoint says of itself possible? Files come from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calql_vision.configs.plain_types import check_types, has_type
from calql_vision.configs.ranges import check_ranges, contains
from calql_vision.runs.layout import TRAINING_STAGES

if TYPE_CHECKING:
    from calql_vision.types import EnvSpec

_PLAIN: dict[str, Any] = {
    "algo": dict[str, Any], "encoder": dict[str, Any], "env": dict[str, Any], "discount": float,
    "optimizers": dict[str, dict[str, Any]], "updates": int, "env_steps": int, "selected": bool,
    "versions": dict[str, str],
}  # fmt: skip
_SIDE, _COUNT = "[1, 4096]", "[0, 1e12]"


def check_stored(found: Any) -> None:
    """ValueError, TypeError or LookupError for values that no stage would have stored.

    `found` is a CheckpointFile, whose module imports this one.
    """
    import torch

    for name, kind in _PLAIN.items():
        if not has_type(getattr(found, name), kind):
            raise ValueError(f"its {name} is no {kind}")
    if found.stage not in TRAINING_STAGES:
        raise ValueError(f"its stage is none of {', '.join(TRAINING_STAGES)}")
    check_types(found.reward, "reward.")
    check_ranges(found.reward, "reward.")
    _check_within("discount", found.discount, "[0, 1)")
    for name in ("updates", "env_steps"):
        _check_within(name, getattr(found, name), _COUNT)
    if not has_type(found.weights, dict[str, torch.Tensor]):
        raise ValueError("its weights are not tensors with names")
    if not isinstance(found.generator, torch.Tensor) or found.generator.dtype != torch.uint8:
        raise ValueError("its generator has no state of random numbers")
    _check_spec(found.spec)


def _check_spec(spec: EnvSpec) -> None:
    check_types(spec, "env.")
    for side in spec.image_size:
        _check_within("env.image_size", side, _SIDE)
    for width in spec.proprio.values():
        _check_within("env.proprio", width, "[0, 1e5]")
    _check_within("env.action_dim", spec.action_dim, "[1, 1e4]")
    _check_within("env.horizon", spec.horizon, "[1, 1e6]")
    _check_within("env.control_hz", spec.control_hz, "[0, 1e6]")


def _check_within(name: str, value: float, within: str) -> None:
    if not contains(within, value):
        raise ValueError(f"its {name} is {value}, outside {within}")
