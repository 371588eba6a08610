"""Where the time of a gradient update goes."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from calql_vision.agents import Agent
from calql_vision.encoders.pixels import PixelEncoder
from calql_vision.engine.loader import Loader

#: What an update consists of, in the order in which it happens.
SECTIONS = (
    "sample", "augment", "encode", "critic", "actor", "penalty", "losses", "optimizers", "targets",
)  # fmt: skip
#: Methods of an agent, and the section of what they do besides calling those of other sections.
_METHODS = {
    "encode": "augment",
    "losses": "losses",
    "conservative_gap": "penalty",
    "follow_targets": "targets",
}
_NETWORKS = {"critic": "critic", "target_critic": "critic", "actor": "actor"}


class SectionClock:
    """Adds up seconds by section; time in an inner section does not count for the outer one."""

    def __init__(self, device: torch.device):
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._device, self._since = device, perf_counter()

    def start(self, section: str) -> None:
        self._count()
        self._open.append(section)

    def stop(self) -> None:
        self._count()
        self._open.pop()

    def go_on_as(self, section: str) -> None:
        """The innermost section has ended and this one has begun in its place."""
        self._count()
        self._open[-1] = section

    def _count(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def time_sections(agent: Agent, loader: Loader, updates: int) -> dict[str, float]:
    """Seconds per update of every section; its sum is somewhat more than an update alone takes.

    Convolutions count as `encode`, forward and backward. What remains of the critic's gradient is
    `critic`, the penalty's included: sampled actions and data go through the critics together.
    """
    clock = SectionClock(agent.device)
    with _watched(agent, clock):
        for _ in range(updates):
            clock.start("sample")
            batch = loader.next()
            clock.go_on_as("losses")
            agent.update(batch)
            clock.stop()
    return {name: clock.seconds[name] / updates for name in SECTIONS if name in clock.seconds}


@contextmanager
def _watched(agent: Agent, clock: SectionClock) -> Iterator[None]:
    """Within this block the clock knows what the agent is doing."""
    with ExitStack() as stack:
        for name, section in _METHODS.items():
            if hasattr(agent, name):
                _watch_method(agent, name, lambda *_, section=section: section, clock, stack)
        _watch_method(agent, "differentiate", _section_of_loss, clock, stack)
        for name, section in _NETWORKS.items():
            if hasattr(agent, name):
                _watch_network(getattr(agent, name), section, clock, stack)
        for encoder in (m for m in agent.modules() if isinstance(m, PixelEncoder)):
            _watch_network(encoder, "encode", clock, stack)
            _watch_gradient(encoder, clock, stack)
        for optimizer in agent.optimizers.values():
            before = optimizer.register_step_pre_hook(lambda *_: clock.start("optimizers"))
            after = optimizer.register_step_post_hook(lambda *_: clock.stop())
            stack.callback(before.remove)
            stack.callback(after.remove)
        yield


def _section_of_loss(name: str, loss: Tensor) -> str:
    return name if name in ("critic", "actor") else "losses"


def _watch_method(
    agent: Agent, name: str, section: Callable[..., str], clock: SectionClock, stack: ExitStack
) -> None:
    method = getattr(agent, name)

    def timed(*arguments: Any) -> Any:
        clock.start(section(*arguments))
        result = method(*arguments)
        clock.stop()
        return result

    setattr(agent, name, timed)
    stack.callback(delattr, agent, name)


def _watch_network(network: nn.Module, section: str, clock: SectionClock, stack: ExitStack) -> None:
    before = network.register_forward_pre_hook(lambda *_: clock.start(section))
    after = network.register_forward_hook(lambda *_: clock.stop())
    stack.callback(before.remove)
    stack.callback(after.remove)


def _watch_gradient(encoder: nn.Module, clock: SectionClock, stack: ExitStack) -> None:
    """Once the gradient has reached the features, the rest of it is that of the convolutions."""

    def reached(_module: nn.Module, _inputs: Any, features: Tensor) -> None:
        if features.requires_grad:
            features.register_hook(lambda _gradient: clock.go_on_as("encode"))

    stack.callback(encoder.register_forward_hook(reached).remove)
