"""How far a stage is: a bar on a terminal, plain lines in a file."""

import sys
from typing import Any

from tqdm import tqdm

from calql_vision.datasets.names import printable

_SECONDS = 30.0  # between two lines
_LINE = (
    "{desc}: {n_fmt} of {total_fmt} ({percentage:.0f} %), {elapsed} so far, {remaining} left"
    "{postfix}"
)


def progress(*iterable: Any, **options: Any) -> tqdm:
    """tqdm, with its arguments; where stderr is no terminal, a line now and then instead."""
    kind = tqdm if sys.stderr.isatty() else _Lines
    return kind(*iterable, **options)


def warn(sentence: str) -> None:
    """A warning on stderr, above the bar if there is one."""
    tqdm.write(f"warning: {printable(sentence)}", file=sys.stderr)


class _Lines(tqdm):
    """Every display is a line of its own: logs have no cursor to move back."""

    def __init__(self, *iterable: Any, **options: Any):
        # miniters: a row of metrics is an update of hundreds, and none of them is to be skipped.
        super().__init__(
            *iterable, mininterval=_SECONDS, miniters=1, bar_format=_LINE, ascii=True, **options
        )

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        if msg != "":
            print(self, file=self.fp, flush=True)
        return False

    def clear(self, *_: Any, **__: Any) -> None:
        """Nothing to wipe out."""

    def close(self) -> None:
        if not self.disable and self.n != self.last_print_n:
            self.display()
        self.leave = False  # the end of the last line is written already
        super().close()
