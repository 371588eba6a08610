"""The limit of a machine: an update's convolutions and matrix products, and nothing else."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

_aten = torch.ops.aten
_ARITHMETIC = {
    _aten.convolution.default,
    _aten.convolution_backward.default,
    _aten.mm.default,
    _aten.addmm.default,
    _aten.bmm.default,
    _aten.baddbmm.default,
}


class BareCalls:
    """What `work` multiplies, forward and backward, to be repeated with noise of the same shapes.

    Calling it makes the same calls in the same order, in the same layouts of memory.
    """

    def __init__(self, work: Callable[[], Any]):
        self._noise: dict[tuple, Tensor] = {}
        self.calls: list[tuple[Callable, Any, Any]] = []
        with _Recorder(self):
            work()

    def __len__(self) -> int:
        return len(self.calls)

    @torch.no_grad()
    def __call__(self) -> None:
        for function, arguments, options in self.calls:
            function(*arguments, **options)

    def noise_like(self, value: Any) -> Any:
        """For a tensor one of its shape, strides and type, the same for all such tensors."""
        if not isinstance(value, Tensor):
            return value
        shape, strides = value.shape, value.stride()
        key = (shape, strides, value.dtype, value.device)
        if key not in self._noise:
            extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
            memory = torch.randn(extent, device=value.device).to(value.dtype)
            self._noise[key] = memory.as_strided(shape, strides)
        return self._noise[key]


class _Recorder(TorchDispatchMode):
    def __init__(self, found: BareCalls):
        super().__init__()
        self._found = found

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in _ARITHMETIC:
            alike = tree_map(self._found.noise_like, (args, kwargs or {}))
            self._found.calls.append((func, *alike))
        return func(*args, **(kwargs or {}))
