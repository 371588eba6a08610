"""Where a stage may write: what stands at a place that the user named is replaced only if it is
a stage's own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from calql_vision.datasets.whole_file import OutputError, check_place
from calql_vision.runs.diagnosis import ARRAYS, Diagnosis
from calql_vision.runs.diagnosis import JSON as DIAGNOSIS
from calql_vision.runs.evaluation import EvaluatedCheckpoint
from calql_vision.runs.exported import CARD, FACTS, WEIGHTS, ExportedPolicy
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import (
    BEST,
    CHECKPOINT,
    CONFIG,
    EPISODES,
    EVALUATION,
    FILM,
    LAUNCH,
    LIVE,
    METRICS,
    STATE,
    TENSORBOARD,
    VIDEO,
)
from calql_vision.runs.state import RunState
from calql_vision.runs.versioned_json import OtherFormatError

#: What each stage writes in its folder.
RUN = (CHECKPOINT, BEST, STATE, EPISODES, METRICS, CONFIG, LAUNCH, LIVE, FILM, TENSORBOARD)
EVALUATED, DIAGNOSED = (EVALUATION, VIDEO), (DIAGNOSIS, ARRAYS)
EXPORTED = (WEIGHTS, FACTS, CARD)


def output_folder(
    given: str | None, usual: Path, names: Iterable[str], is_ours: Callable[[Path], bool]
) -> Path:
    """The folder for files called `names`: `given`, or the `usual` one, which belongs to the stage.

    Raises OutputError where `given` has such files and `is_ours` does not know the folder, and
    where no folder can stand.
    """
    folder = Path(given or usual)
    check_folder(folder, names, is_ours if folder != usual else lambda _: True)
    return folder


def check_folder(folder: Path, names: Iterable[str], is_ours: Callable[[Path], bool]) -> None:
    """OutputError where writing files called `names` would cost somebody else's."""
    for place in (folder, *(folder / name for name in names)):
        check_place(place)
    if folder.is_file():
        raise OutputError(f"{folder} is a file, not a folder; choose another output")
    standing = [folder / name for name in names if (folder / name).exists()]
    if standing and not is_ours(folder):
        raise OutputError(
            f"{standing[0]} was not written by this stage and would be lost; "
            "choose another output, or remove it"
        )


def is_run(folder: Path) -> bool:
    """Whether a training stage has written there; its state comes first."""
    return _reads(Launch.load, folder / LAUNCH) or _reads(RunState.load, folder / STATE)


def is_evaluation(folder: Path) -> bool:
    return _reads(EvaluatedCheckpoint.load, folder / EVALUATION)


def is_diagnosis(folder: Path) -> bool:
    return _reads(Diagnosis.load, folder / DIAGNOSIS)


def is_exported(folder: Path) -> bool:
    return _reads(ExportedPolicy.load, folder)


def has_words(path: Path, words: str) -> bool:
    """Whether a page of text is there and says `words`, as every page of its stage does."""
    return path.is_file() and words.encode() in path.read_bytes()


def _reads(load: Callable[[Path], Any], path: Path) -> bool:
    try:
        load(path)
    except OtherFormatError:
        return True
    except (ValueError, LookupError, TypeError, AttributeError, OSError):
        return False
    return True
