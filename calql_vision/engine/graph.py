"""A whole update - augmentation, encoders, losses, Adam, targets - as one CUDA graph.

A small network's update is some hundreds of kernels of a few microseconds: a GPU waits for Python
to launch them. A graph launches them all at once. It is a recording, so that what Python decides
or holds in a number is baked into it: graphs are kept by `Agent.branch`, recorded again when
tensors of Adam's are other ones, and updates are counted outside.

`make test-gpu` states what must hold on a GPU, docs/gpu.md what it brings there.
"""

from typing import Any

import torch

from calql_vision.agents import Agent
from calql_vision.engine.snapshot import Snapshot
from calql_vision.types import Metrics, PixelBatch

WARM_UP = 3  # updates before a recording, for what libraries do at their first call


class StaticUpdate:
    """The agent's update on batches that always lie in the same memory."""

    def __init__(self, agent: Agent):
        self._agent = agent
        self._batch: PixelBatch | None = None

    def __call__(self, batch: PixelBatch) -> Metrics:
        return self._agent.update(self._load(batch))

    def _load(self, batch: PixelBatch) -> PixelBatch:
        """The batch, copied to where all of them lie; the first decides the sizes."""
        if self._batch is None:
            self._batch = batch.map(torch.clone)
        for place, value in zip(self._batch.tensors(), batch.tensors(), strict=True):
            place.copy_(value, non_blocking=True)
        return self._batch


class GraphUpdate(StaticUpdate):
    """The same, recorded once for every branch and then replayed.

    Metrics are overwritten by the next update.
    """

    def __init__(self, agent: Agent):
        super().__init__(agent)
        self._recorded: dict[Any, tuple[torch.cuda.CUDAGraph, Metrics]] = {}
        self._baked: Any = None

    def __call__(self, batch: PixelBatch) -> Metrics:
        batch, branch = self._load(batch), self._agent.branch()
        if self._baked != baked_in(self._agent):
            self._recorded.clear()
        if branch not in self._recorded:
            self._recorded[branch] = self._record(batch)
            self._baked = baked_in(self._agent)
        graph, metrics = self._recorded[branch]
        graph.replay()
        self._agent.updates += 1
        return metrics

    def _record(self, batch: PixelBatch) -> tuple[torch.cuda.CUDAGraph, Metrics]:
        """A recording executes nothing, but the warm-up does: what it has done is undone."""
        agent = self._agent
        before, stream = Snapshot(agent), torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                agent.update(batch)
        torch.cuda.current_stream().wait_stream(stream)
        before.put_back(agent)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(agent.generator)
        with torch.cuda.graph(graph):
            metrics = agent.update(batch)
        agent.updates -= 1  # nothing has happened yet
        return graph, metrics


def baked_in(agent: Agent) -> tuple:
    """What a recording holds by value or by address: learning rates and moments of Adam.

    Moments are all replaced at once, so that the first of each optimizer tells.
    """
    found: list[Any] = []
    for optimizer in agent.optimizers.values():
        state: dict[str, Any] = next(iter(optimizer.state.values()), {})
        rates = [group["lr"] for group in optimizer.param_groups]
        found += [rate.data_ptr() if torch.is_tensor(rate) else rate for rate in rates]
        found.append(state["exp_avg"].data_ptr() if state else None)
    return tuple(found)
