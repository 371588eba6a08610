"""docs/reliability.md: what the harness found, run by run, and on which machine."""

import json
import subprocess
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
**one sentence**, or it is a **defect**. This page is the output of the harness in `tests/faults`.
Runs are kept by part and seed, the latest last: what an earlier one has found, a later one of the
same part shows mended or not.

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
    """Put the run's rows in, or in the place of an older run of the same part and seed."""
    kept, name = _kept(path), f"{found.part}, seed {found.seed}"
    kept.pop(name, None)
    when = {"date": date.today().isoformat(), "commit": _commit(), "on": _machine()}
    path.write_text(_page(kept | {name: asdict(found) | when}))


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


def _commit() -> str:
    git = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()


def _page(runs: dict[str, dict]) -> str:
    lines = [_INTRODUCTION]
    for name, found in runs.items():
        lines += [f"## {name}", "", *_table(found["rows"]), "", _circumstances(found), ""]
        lines += _defects(found)
    return "\n".join(lines) + f"\n{_DATA}{json.dumps(runs).replace('-->', '')} -->\n"


def _table(rows: list[dict]) -> list[str]:
    lines = ["| | tried | correct | one sentence | defects |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        numbers = (row["tried"], row["correct"], row["sentences"], len(row["defects"]))
        lines.append(f"| {row['part']} | {' | '.join(map(str, numbers))} |")
    return lines


def _circumstances(found: dict) -> str:
    minutes = f"{found['seconds'] / 60:.0f} minutes"
    return f"{minutes}, {found['date']}, commit {found['commit']}; {found['on']}."


def _defects(found: dict) -> list[str]:
    defects = [defect for row in found["rows"] for defect in row["defects"]]
    return ["Defects:", "", *(f"- `{each}`" for each in defects), ""] if defects else []
