"""What may come of something hostile: it is used correctly, or refused in one sentence."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OURS = tuple(str(ROOT / name) for name in ("calql_vision", "encoders", "datasets", "configs"))
#: What the command line turns into `error: ...`.
SENTENCES = (ValueError, RuntimeError, OSError)


class RefusedError(ValueError):
    """The program's own last words."""


@dataclass
class Row:
    """A part of the harness: how often it tried what, and what came of it."""

    part: str
    tried: int = 0
    correct: int = 0
    sentences: int = 0
    defects: list[str] = field(default_factory=list)  # a line each, with what reproduces it

    def count(self, problem: str | None, sentence: bool, reproducer: str) -> None:
        """One more trial; `problem` says what is wrong with its outcome, if anything is."""
        self.tried += 1
        self.sentences += sentence and problem is None
        self.correct += not sentence and problem is None
        if problem is not None:
            self.defects.append(f"{reproducer}: {problem}")


@dataclass(frozen=True)
class Outcome:
    """Of one trial."""

    value: Any = None  # what came back
    sentence: str | None = None  # by which it was refused
    problem: str | None = None  # what no person should see


def outcome(action: Callable[[], Any]) -> Outcome:
    """What comes of `action`: a value, one sentence of ours, or a problem.

    A sentence is ours if it was raised by our own code; those of libraries say nothing of what
    was wrong with which file. The system's own errors with a file's name are plain enough.
    """
    try:
        return Outcome(value=action())
    except Exception as error:  # whatever it is: that is the question
        text = str(error)
        if isinstance(error, SENTENCES) and _is_ours(error) and text and "\n" not in text:
            return Outcome(sentence=text)
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return Outcome(problem=f"{type(error).__name__} in {place}: {text.splitlines()[:1]}")


def _is_ours(error: Exception) -> bool:
    if isinstance(error, RefusedError) or (isinstance(error, OSError) and error.filename):
        return True
    return traceback.extract_tb(error.__traceback__)[-1].filename.startswith(OURS)
