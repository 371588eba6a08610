"""The measured part of docs/performance.md: a table of ratios for every measurement."""

import subprocess
from pathlib import Path
from statistics import median

import torch

from calql_vision.runs.launch import machine, versions
from speed.figure import FIGURE, GROWTH
from speed.measurement import Measurement, load

BEGIN = "<!-- make bench: what stands between these lines is written by it -->"
END = "<!-- end of make bench -->"

HEAD = """Everything in a table was measured in turn: a, b, c, a, b, c. A ratio is that of one turn;
its least and greatest are in brackets. Ratios stand; what is per second depends on the machine.

{processor}, {cores} cores, no GPU; torch with {threads}. {versions}. Commit {commit}.
"""

GPU = "No GPU took part. [A GPU](gpu.md#measured) has what was measured on one."


def write(page: Path, folder: Path, names: list[str], code: str) -> None:
    found = {name: load(folder / f"{name}.json") for name in names if exists(folder, name)}
    parts = [head()]
    for name, (measured, measurements) in found.items():
        if measured != code:
            parts.append(f"*{name}: measured with other code than that of the commit above.*\n")
        parts += [section(each) for each in measurements if not each.name.startswith(GROWTH)]
        if any(each.name.startswith(GROWTH) for each in measurements):
            parts.append(f"### How an update grows\n\n![Growth]({folder.name}/{FIGURE})\n")
    parts += [f"*{name}: not measured yet.*\n" for name in names if name not in found]
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text("\n\n".join([before + BEGIN, "\n".join([*parts, GPU]), END + after]))


def exists(folder: Path, name: str) -> bool:
    return (folder / f"{name}.json").is_file()


def head() -> str:
    found, threads = machine(), torch.get_num_threads()
    git = ["git", "rev-parse", "--short", "HEAD"]
    return HEAD.format(
        processor=found["processor"],
        cores=found["cores"],
        threads=f"{threads} thread{'s' if threads > 1 else ''}",
        versions=", ".join(f"{name} {number}" for name, number in versions().items()),
        commit=subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip(),
    )


def section(found: Measurement) -> str:
    lines = [
        f"### {found.name}\n",
        f"| | {found.unit} | ratio to the baseline: median (least to greatest) |",
        "|---|---|---|",
        *(row(found, name) for name in found.values),
        "",
        *(f"- {note}" for note in found.notes),
        *([""] if found.notes else []),
    ]
    return "\n".join(lines)


def row(found: Measurement, contender: str) -> str:
    middle = short(median(found.values[contender]))
    if contender == found.baseline:
        return f"| {contender} | {middle} | baseline |"
    ratios = found.ratios(contender)
    spread = f" ({short(min(ratios))} to {short(max(ratios))})" if len(ratios) > 1 else ""
    return f"| {contender} | {middle} | {short(median(ratios))}{spread} |"


def short(number: float) -> str:
    """Three digits, and no powers of ten."""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.3g}" if number >= 0.01 else f"{number:.4f}"
