"""docs/reliability.md: what the harness found, part by part, and on which machine."""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from calql_vision.runs.launch import machine, versions
from tests.faults.outcome import Row

_DATA = "<!-- rows: "  # the page carries them as JSON, for the parts that are run later
_INTRODUCTION = """\
# Reliability

What happens to a run when its process is killed, its disk fills up, or its files and options are
not what they should be. Every outcome is one of three: it is used **correctly**, it is refused in
**one sentence**, or it is a **defect**. This page is the output of the harness in `tests/faults`:

    make test-faults                                    # every part, and this page
    python -m tests.faults overrides --count 50 --seed 3    # one part, with another seed
"""


@dataclass(frozen=True)
class Found:
    """What one part found."""

    part: str
    seed: int
    seconds: float
    rows: list[Row]


def write_page(path: Path, found: Found) -> None:
    """Put the part's rows in, or in the place of older ones of the same part."""
    kept = _kept(path)
    kept[found.part] = asdict(found) | {"date": date.today().isoformat(), "on": _machine()}
    path.write_text(_page(kept))


def _kept(path: Path) -> dict[str, dict]:
    lines = path.read_text().splitlines() if path.is_file() else []
    stored = [line for line in lines if line.startswith(_DATA)]
    return json.loads(stored[0].removeprefix(_DATA).removesuffix(" -->")) if stored else {}


def _machine() -> str:
    facts = machine() | versions()
    return (
        f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, "
        f"torch {facts['torch']}"
    )


def _page(parts: dict[str, dict]) -> str:
    lines = [_INTRODUCTION, "| part | tried | correct | one sentence | defects |",
             "|---|---:|---:|---:|---:|"]  # fmt: skip
    for found in parts.values():
        for row in found["rows"]:
            numbers = (row["tried"], row["correct"], row["sentences"], len(row["defects"]))
            lines.append(f"| {row['part']} | {' | '.join(map(str, numbers))} |")
    lines += ["", *_circumstances(parts), "", *_defects(parts)]
    return "\n".join(lines) + f"\n\n{_DATA}{json.dumps(parts).replace('-->', '')} -->\n"


def _circumstances(parts: dict[str, dict]) -> list[str]:
    return [
        f"- `{name}`: seed {found['seed']}, {found['seconds'] / 60:.0f} minutes, {found['date']}, "
        f"{found['on']}"
        for name, found in parts.items()
    ]


def _defects(parts: dict[str, dict]) -> list[str]:
    found = [defect for part in parts.values() for row in part["rows"] for defect in row["defects"]]
    return (
        ["Defects left:", "", *(f"- `{each}`" for each in found)] if found else ["No defect left."]
    )
