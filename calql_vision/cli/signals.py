"""Ctrl-C and SIGTERM: one line instead of a traceback, and the exit code that shells expect."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import FrameType
from typing import NoReturn

Handler = Callable[[int, FrameType | None], NoReturn]


class Interruption(KeyboardInterrupt):
    """One of the two signals; its notes say what is kept."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Where nothing is under way: an exception would end within somebody's import."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def again(unraisable: "sys.UnraisableHookArgs") -> None:
    """For what is raised in a destructor, which Python swallows: the interruption comes once more.

    Those of objects that were being made when it came complain of what they lack: silence.
    """
    error = unraisable.exc_value
    if isinstance(error, Interruption):
        Timer(0.01, os.kill, (os.getpid(), error.number)).start()


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Both signals, but for one that whoever started us has set to be ignored."""
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, older in before.items():
            signal.signal(number, older)


@contextmanager
def one_line() -> Iterator[None]:
    """A block that unwinds, everything open closed on the way, and then exits with 130 or 143.

    Whatever comes up after a signal is the interruption: code in C makes other errors of it.
    """
    came: list[int] = []

    def unwind(number: int, frame: FrameType | None) -> NoReturn:
        sys.unraisablehook = again
        came.append(number)
        raise Interruption(number)

    try:
        with handled_by(unwind):
            yield
    except (Exception, Interruption) as stop:
        if not came:
            raise
        print("\n" + "; ".join(["interrupted", *notes(stop)]), file=sys.stderr)
        sys.exit(128 + came[0])


def notes(error: BaseException) -> list[str]:
    """What was added to it on its way up."""
    return getattr(error, "__notes__", [])
