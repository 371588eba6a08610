"""Do the tensors of a checkpoint fit the networks that its options describe?"""

from typing import Any

import torch
from torch import Tensor, nn

_AVERAGES = ("exp_avg", "exp_avg_sq")  # Adam's, of the shape of their weight


def check_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """ValueError, with the first that differs, unless `weights` are those of such a network."""
    own = network.state_dict()
    for name in [*own, *(name for name in weights if name not in own)]:
        stored, needed = _shape(weights.get(name)), _shape(own.get(name))
        if stored != needed:
            raise ValueError(
                f"the checkpoint's weight {name} is {stored}, its options ask for {needed}; "
                "train again"
            )
        if weights[name].is_floating_point() and not weights[name].isfinite().all():
            raise ValueError(f"the checkpoint's weight {name} is not finite; train again")


def _shape(value: Tensor | None) -> str:
    """And type and layout, in words."""
    if value is None:
        return "missing"
    return f"{value.dtype} {value.layout} {tuple(value.shape)}"


def check_moments(name: str, moments: Any, optimizer: torch.optim.Optimizer) -> None:
    """ValueError unless these are Adam's moments of some of the optimizer's weights, by number."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    known = isinstance(moments, dict) and set(moments) <= set(range(len(weights)))
    if not known or not all(_are_of(moments[number], weights[number]) for number in moments):
        raise ValueError(
            f"the checkpoint's state of optimizer {name!r} does not fit its weights; train again"
        )


def _are_of(moments: Any, weight: Tensor) -> bool:
    """A count of steps, and two averages of finite numbers."""
    shapes = {"step": torch.Size()} | dict.fromkeys(_AVERAGES, weight.shape)
    return (
        isinstance(moments, dict)
        and set(moments) == set(shapes)
        and all(isinstance(value, Tensor) for value in moments.values())
        and all(value.layout == torch.strided for value in moments.values())
        and all(moments[name].shape == shape for name, shape in shapes.items())
        and all(v.is_floating_point() and bool(v.isfinite().all()) for v in moments.values())
        and moments["step"] >= 0
        and bool((moments["exp_avg_sq"] >= 0).all())
    )
