"""One action in a process of its own: a crash, a hang and a flood of memory are outcomes too."""

import os
import pickle
import resource
import select
import signal
import sys
from collections.abc import Callable
from io import StringIO

from tests.faults.outcome import Outcome, outcome

SECONDS = 60.0
BYTES = 6 * 2**30  # of address space beyond what the process has


def isolated(action: Callable[[], None], seconds: float = SECONDS) -> Outcome:
    """`outcome` of an action whose value does not matter."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(action, writer)
    os.close(writer)
    try:
        return _answer(child, reader, seconds)
    finally:
        os.close(reader)


def _child(action: Callable[[], None], writer: int) -> None:
    _limit_memory()
    sys.stdout, sys.stderr = StringIO(), StringIO()
    found = outcome(action)
    os.write(writer, pickle.dumps((found.sentence, found.problem))[:65536])
    os._exit(0)


def _limit_memory() -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(child: int, reader: int, seconds: float) -> Outcome:
    ready, _, _ = select.select([reader], [], [], seconds)
    content = os.read(reader, 65536) if ready else b""
    if not ready:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not ready:
        return Outcome(problem=f"no answer within {seconds:g} s")
    if not content:
        return Outcome(problem=f"died of {_cause(status)}")
    sentence, problem = pickle.loads(content)
    return Outcome(sentence=sentence, problem=problem)


def _cause(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
