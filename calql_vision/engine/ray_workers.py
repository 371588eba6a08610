"""Workers as actors of a Ray cluster, on this machine or on many."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from calql_vision.engine.ray_cluster import joined_cluster
from calql_vision.runs.config import RolloutsConfig


class RayWorkers:
    """A dead worker, or a whole machine of them, costs the items that were under way there, which
    are worked on again. Which worker has an item cannot be told from the result."""

    def __init__(self, make_worker: Callable[[], Any], how: RolloutsConfig):
        """ValueError where the cluster has too few cores: Ray would wait for more, for ever."""
        self._ray, self.count = joined_cluster(how.address), how.workers
        cores = int(self._ray.cluster_resources().get("CPU", 0))
        if self.count > cores:
            raise ValueError(
                f"rollouts.workers={self.count}, but the Ray cluster has {cores} cores, and each "
                "worker takes one; ask for fewer, or start Ray on more machines first"
            )
        actor = self._ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(_Actor)
        self._actors = [actor.remote(os.getcwd(), make_worker) for _ in range(self.count)]
        self._under_way: list[list[Any]] = [[] for _ in self._actors]

    def share(self, thing: Any) -> Any:
        return self._ray.put(thing)

    def submit(self, *parts: Any) -> Any:
        """To the worker with the least to do."""
        number = min(range(self.count), key=self._left_to_do)
        receipt = self._actors[number].work.remote(*parts)
        self._under_way[number].append(receipt)
        return receipt

    def _left_to_do(self, number: int) -> int:
        waiting = self._under_way[number]
        if waiting:
            _, waiting = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        self._under_way[number] = waiting
        return len(waiting)

    def result(self, receipt: Any) -> Any:
        try:
            return self._ray.get(receipt)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error

    def close(self) -> None:
        for actor in self._actors:
            self._ray.kill(actor)


class _Actor:
    """Makes its worker with the first item, whose failure has a way back."""

    def __init__(self, folder: str, make_worker: Callable[[], Any]):
        os.chdir(folder)  # which all machines share, where files are read or written
        self._worker = cache(make_worker)

    def work(self, *parts: Any) -> Any:
        return self._worker()(*parts)
