"""Ctrl-C and SIGTERM: one line instead of a traceback, and the exit code that shells expect."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM, which unwinds the program as Ctrl-C does: training saves its state on the way."""


@contextmanager
def one_line() -> Iterator[None]:
    """Exit with 130 or 143 where this block is interrupted, and say what is kept."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        print("\n" + "; ".join(["interrupted", *notes(stop)]), file=sys.stderr)
        number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
        sys.exit(128 + number)
    finally:
        signal.signal(signal.SIGTERM, before)


def notes(error: BaseException) -> list[str]:
    """What was added to it on its way up."""
    return getattr(error, "__notes__", [])


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated
