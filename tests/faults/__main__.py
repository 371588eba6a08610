"""python -m tests.faults PART [--count N] [--seed S]"""

import argparse
import sys

from tests.faults import kills, overrides, run_file_mutations, soak

PARTS = {
    "kills": kills.run,
    "overrides": overrides.run,
    "run_files": run_file_mutations.run,
    "soak": soak.run,  # --count is in environment steps
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--count", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = PARTS[given.part](given.count, given.seed)
    for row in rows:
        print(f"{row.part}: {row.tried} tried, {row.correct} correct, {row.sentences} sentences")
        print(*(f"  DEFECT {defect}" for defect in row.defects), sep="\n", end="")
    sys.exit(any(row.defects for row in rows))
