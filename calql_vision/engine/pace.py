"""How often something costly is done that the work itself does not need."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

SHARE = 0.0025  # of the time


class Pace:
    """Says when it is due again: every so many seconds, or as often as `SHARE` of the time pays."""

    def __init__(self, every: float | None, clock: Callable[[], float] = perf_counter):
        """`every`: seconds; None: by what it costs."""
        self._every, self._clock = every, clock
        self._last, self._wait = clock(), 0.0

    def due(self) -> bool:
        """At first at once."""
        return self._clock() - self._last >= self._wait

    @contextmanager
    def work(self) -> Iterator[None]:
        """Around the costly thing."""
        began = self._clock()
        yield
        self._last = self._clock()
        self._wait = (self._last - began) / SHARE if self._every is None else self._every
