"""One comparison: several contenders, measured in turn, and the one that the others are held to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from calql_vision.engine.timing import alternate


@dataclass(frozen=True)
class Measurement:
    """Value number i of every contender is from the same turn."""

    name: str
    unit: str
    baseline: str
    values: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)

    def ratios(self, contender: str) -> list[float]:
        """The contender's values by the baseline's, turn by turn."""
        base = self.values[self.baseline]
        return [value / b for value, b in zip(self.values[contender], base, strict=True)]


def rates(works: Mapping[str, tuple[Callable[[], object], int]], repeats: int) -> dict:
    """Units of work per second, of (work, units that it does) by contender, in turn."""
    seconds = alternate({name: work for name, (work, _) in works.items()}, repeats)
    return {name: [works[name][1] / s for s in values] for name, values in seconds.items()}


def save(path: Path, key: str, found: list[Measurement]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"code": key, "measurements": [asdict(each) for each in found]}
    path.write_text(json.dumps(content, indent=1) + "\n")


def load(path: Path) -> tuple[str, list[Measurement]]:
    """The key of the code that was measured, and what was found."""
    content = json.loads(path.read_text())
    return content["code"], [Measurement(**each) for each in content["measurements"]]
