"""The same work on many items, in several processes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from multiprocessing.util import Finalize
from signal import SIG_IGN, SIGINT, signal
from typing import Any, Protocol


class Worker(Protocol):
    """Holds what is slow to make (an environment) between items."""

    def __call__(self, item: Any, /) -> Any: ...

    def close(self) -> None: ...


def map_in_order(
    make_worker: Callable[[], Worker], items: Iterable[Any], processes: int
) -> Iterator[Any]:
    """`worker(item)` for every item, in the order of the items.

    Every process makes one worker of its own; `make_worker` must be picklable. With one process
    the work is done here. Raises what a worker raises, and ValueError for `processes` < 1.
    """
    if processes < 1:
        raise ValueError(f"processes={processes}: at least one is needed; set processes=1")
    return _alone(make_worker, items) if processes == 1 else _spread(make_worker, items, processes)


def _alone(make_worker: Callable[[], Worker], items: Iterable[Any]) -> Iterator[Any]:
    worker = make_worker()
    try:
        yield from map(worker, items)
    finally:
        worker.close()


def _spread(
    make_worker: Callable[[], Worker], items: Iterable[Any], processes: int
) -> Iterator[Any]:
    # spawn: forking a process that holds OpenGL or torch threads is not safe. Executor instead of
    # multiprocessing.Pool: a worker that dies raises here, where a Pool would wait for ever.
    executor = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_prepare, initargs=(make_worker,)
    )
    try:
        yield from executor.map(_call, items)
    finally:
        executor.shutdown(cancel_futures=True)


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


def _call(item: Any) -> Any:
    return _worker()(item)
