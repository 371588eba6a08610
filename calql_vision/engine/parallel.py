"""The same work on many items: here, in processes of this machine, or on a Ray cluster."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from functools import cache
from multiprocessing import get_context
from multiprocessing.util import Finalize
from signal import SIG_IGN, SIGINT, signal
from typing import Any, Protocol

from calql_vision.engine.ray_workers import RayWorkers
from calql_vision.runs.config import RolloutsConfig


class Worker(Protocol):
    """Holds what is slow to make (an environment) between items."""

    def __call__(self, *parts: Any) -> Any: ...

    def close(self) -> None: ...


class Workers(Protocol):
    """Several of them, behind one door."""

    count: int

    def share(self, thing: Any) -> Any:
        """Something large that many items have as a part, sent once."""

    def submit(self, *parts: Any) -> Any:
        """Begin `worker(*parts)`; returns a receipt."""

    def result(self, receipt: Any) -> Any:
        """What came of it, once it is there. Raises what the worker raised."""

    def close(self) -> None: ...


def open_workers(make_worker: Callable[[], Worker], how: RolloutsConfig) -> Workers:
    """Each of them makes a worker of its own; `make_worker` must be picklable unless there is one
    alone. Raises ValueError for an unknown engine."""
    if how.engine == "ray":
        return RayWorkers(make_worker, how)
    if how.engine != "local":
        raise ValueError(f"rollouts.engine={how.engine}: choose local or ray")
    return Here(make_worker) if how.workers == 1 else Processes(make_worker, how.workers)


def in_order(workers: Workers, items: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """`worker(*item)` for every item, in the order of the items, a few of them ahead."""
    ahead = 0 if workers.count == 1 else 2 * workers.count
    under_way: deque[Any] = deque()
    for parts in items:
        under_way.append(workers.submit(*parts))
        if len(under_way) > ahead:
            yield workers.result(under_way.popleft())
    while under_way:
        yield workers.result(under_way.popleft())


def map_in_order(
    make_worker: Callable[[], Worker], items: Iterable[Any], how: RolloutsConfig
) -> Iterator[Any]:
    """`in_order` with workers that live as long as it does."""
    with closing(open_workers(make_worker, how)) as workers:
        yield from in_order(workers, ((item,) for item in items))


class Here:
    """One worker in this process, which works when it is told to."""

    count = 1

    def __init__(self, make_worker: Callable[[], Worker]):
        self._worker = make_worker()

    def share(self, thing: Any) -> Any:
        return thing

    def submit(self, *parts: Any) -> Any:
        return self._worker(*parts)

    def result(self, receipt: Any) -> Any:
        return receipt

    def close(self) -> None:
        self._worker.close()


class Processes:
    """Workers in processes of this machine."""

    def __init__(self, make_worker: Callable[[], Worker], count: int):
        # spawn: forking a process that holds OpenGL or torch threads is not safe. Executor instead
        # of multiprocessing.Pool: a worker that dies raises here, where a Pool would wait for ever.
        self.count = count
        self._executor = ProcessPoolExecutor(
            count, get_context("spawn"), initializer=_prepare, initargs=(make_worker,)
        )

    def share(self, thing: Any) -> Any:
        return thing

    def submit(self, *parts: Any) -> Future:
        return self._executor.submit(_call, *parts)

    def result(self, receipt: Future) -> Any:
        return receipt.result()

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)


_make_worker: Callable[[], Worker]


def _prepare(make_worker: Callable[[], Worker]) -> None:
    """Run once in every process. The worker itself waits for the first item, whose failure has a
    way back to the parent; Ctrl-C is the parent's to handle."""
    global _make_worker
    _make_worker = make_worker
    signal(SIGINT, SIG_IGN)


@cache
def _worker() -> Worker:
    worker = _make_worker()
    Finalize(None, worker.close, exitpriority=0)
    return worker


def _call(*parts: Any) -> Any:
    return _worker()(*parts)
