"""docs/performance.md: every measurement as a table of ratios."""

import subprocess
from pathlib import Path
from statistics import median

from calql_vision.runs.launch import machine, versions
from speed.figure import FIGURE, GROWTH
from speed.measurement import Measurement, load

HEAD = """# Performance

`make bench` measures all of this in one go ({minutes}) and writes this page. Everything in a table
was measured in turn in the same process run: a, b, c, a, b, c. A ratio is that of one turn; its
least, median and greatest are given. Ratios stand; what is per second depends on the machine and on
what else it does.

{machine}, {threads}. {versions}. Commit {commit}.

`calql-vision profile` prints the parts of an update for a configuration of your own.
"""

GPU = """## On a GPU

Not measured: no GPU was at hand. See [gpu.md](gpu.md) for what to run on one.
"""


def write(page: Path, folder: Path, names: list[str], code: str) -> None:
    found = {name: load(folder / f"{name}.json") for name in names if exists(folder, name)}
    parts = [head()]
    for name, (measured, measurements) in found.items():
        if measured != code:
            parts.append(f"*{name}: measured with other code than that of the commit above.*\n")
        parts += [section(each) for each in measurements if not each.name.startswith(GROWTH)]
        if any(each.name.startswith(GROWTH) for each in measurements):
            parts.append(f"## How an update grows\n\n![Growth]({folder.name}/{FIGURE})\n")
    parts += [f"*{name}: not measured yet.*\n" for name in names if name not in found]
    page.write_text("\n".join([*parts, GPU]))


def exists(folder: Path, name: str) -> bool:
    return (folder / f"{name}.json").is_file()


def head() -> str:
    import torch

    found, threads = machine(), torch.get_num_threads()
    git = ["git", "rev-parse", "--short", "HEAD"]
    return HEAD.format(
        minutes="some 15 minutes on two cores",
        machine=f"{found['processor']}, {found['cores']} cores, no GPU",
        threads=f"{threads} thread{'s' if threads > 1 else ''}",
        versions=", ".join(f"{name} {number}" for name, number in versions().items()),
        commit=subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip(),
    )


def section(found: Measurement) -> str:
    lines = [
        f"## {found.name}\n",
        f"| | {found.unit} | ratio to the baseline: median (least to greatest) |",
        "|---|---|---|",
        *(row(found, name) for name in found.values),
        "",
        *found.notes,
    ]
    return "\n".join(lines)


def row(found: Measurement, contender: str) -> str:
    middle = f"{median(found.values[contender]):.3g}"
    if contender == found.baseline:
        return f"| {contender} | {middle} | baseline |"
    ratios = found.ratios(contender)
    spread = f" ({min(ratios):.3g} to {max(ratios):.3g})" if len(ratios) > 1 else ""
    return f"| {contender} | {middle} | {median(ratios):.3g}{spread} |"
