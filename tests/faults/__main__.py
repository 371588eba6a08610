"""python -m tests.faults [PART ...] [--count N] [--seed S] [--page PATH]

Every part prints its rows; the exit code is 1 where a defect was found. With --page the rows take
the place of those of the same parts on the page, so that parts can be run one after the other.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from tests.faults.outcome import Row
from tests.faults.page import Found, write_page

#: Each has `run(count, seed)`; and how often it tries for the page unless --count says otherwise.
PARTS = {
    "kills": 1000,
    "full_disk": 100,
    "data_mutations": 5000,
    "checkpoint_mutations": 1000,
    "run_file_mutations": 1000,
    "overrides": 1000,
    "soak": 20_000,  # environment steps
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--count", type=int, help="trials of each part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", type=Path, help="where the rows are kept")
    given = parser.parse_args()
    defects = 0
    for part in given.parts or PARTS:
        if part not in PARTS:
            parser.error(f"no part {part!r}; choose of {', '.join(PARTS)}")
        count, began = given.count or PARTS[part], perf_counter()
        rows = import_module(f"tests.faults.{part}").run(count, given.seed)
        _print(rows)
        defects += sum(len(row.defects) for row in rows)
        if given.page:
            write_page(given.page, Found(part, given.seed, perf_counter() - began, rows))
    return int(defects > 0)


def _print(rows: list[Row]) -> None:
    for row in rows:
        print(f"{row.part}: {row.tried} tried, {row.correct} correct, {row.sentences} sentences, "
              f"{len(row.defects)} defects")  # fmt: skip
        for defect in row.defects:
            print(f"  {defect}")


if __name__ == "__main__":
    sys.exit(main())
