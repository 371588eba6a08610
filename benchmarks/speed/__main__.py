"""`make bench`: measures what is missing for this code, then writes docs/performance.md.

    PYTHONPATH=benchmarks python -m speed              everything, a process per row
    PYTHONPATH=benchmarks python -m speed data growth  these rows alone
    PYTHONPATH=benchmarks python -m speed --brief      does everything run? kept nowhere

A row that is there and was measured with the code as it is now is not measured again; `--row` is
what the processes are called with.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from speed.figure import draw
from speed.measurement import load, save
from speed.page import write
from speed.rows import ROWS

FOLDER = Path("docs/performance")
PAGE = Path("docs/performance.md")
#: As the command line starts a stage; the other projects are started with it too.
ENVIRONMENT = {**os.environ, "GOMP_SPINCOUNT": "20000"}
CODE = ("calql_vision", "encoders", "datasets", "configs", "benchmarks/speed", "benchmarks/peers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="speed")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="none: all of them")
    parser.add_argument("--brief", action="store_true", help="once each, and nothing is written")
    parser.add_argument("--row", metavar="FILE", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        (name,) = asked.rows
        save(asked.row, code(), ROWS[name](asked.brief))
    elif asked.brief:
        with TemporaryDirectory() as folder:
            measure(asked.rows or list(ROWS), Path(folder), brief=True)
    else:
        measure(asked.rows or list(ROWS), FOLDER, brief=False)
        write(PAGE, FOLDER, list(ROWS), code())
        draw(FOLDER)
        print(f"written: {PAGE}")


def code() -> str:
    """Of which code, as git names the contents of its folders; changes are part of the name."""
    git = ["git", "rev-parse", *(f"HEAD:{folder}" for folder in CODE)]
    trees = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()
    dirty = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *CODE], check=False).returncode
    return "-".join(tree[:7] for tree in trees) + ("-changed" if dirty else "")


def measure(names: list[str], folder: Path, brief: bool) -> None:
    for name in names:
        path = folder / f"{name}.json"
        if path.is_file() and load(path)[0] == code() and not code().endswith("-changed"):
            print(f"{name}: as it was measured")
            continue
        print(f"{name}: is measured", flush=True)
        words = [name, "--row", str(path), *(["--brief"] if brief else [])]
        subprocess.run([sys.executable, "-m", "speed", *words], env=ENVIRONMENT, check=True)


if __name__ == "__main__":
    main()
