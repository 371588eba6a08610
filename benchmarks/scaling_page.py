"""The tables of docs/scaling.md: what was measured, and what follows for more machines."""

from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.datasets.whole_file import whole_file

Measured = dict[str, dict[str, Any]]
STEPS = 100  # of an episode of the measurement
LEARNERS = (100, 1000)  # updates per second of learners that were not measured
NETWORKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9, "NVLink, 200 GB/s": 200e9}  # bytes/s


def write(page: Path, found: Measured) -> None:
    """Replace every table of the page, which stands between comments with its name."""
    text = page.read_text()
    tables = {"measured": measured(found), "workers": workers(found), "ranks": ranks(found)}
    for name, table in tables.items():
        before, opening, rest = text.partition(f"<!-- {name} -->\n")
        _, closing, after = rest.partition("<!-- end -->")
        text = f"{before}{opening}\n{table}\n\n{closing}{after}"
    with whole_file(page) as partial:
        partial.write_text(text)


def rows(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured(found: Measured) -> str:
    """Everything, with the ratio to one process of each."""
    body = []
    for name, what in (("rollouts", "nobody learns"), ("online", "20 updates per episode")):
        first = next(iter(found[name].values()))
        body += [
            [f"environment steps/s, {what}, made {maker}", f"{speed:.0f}", f"{speed / first:.2f}"]
            for maker, speed in found[name].items()
        ]
    for name, speed in found["1 rank"].items():
        other = found["2 ranks"][name]
        if name.startswith("batch"):
            one, two = f"updates/s, {name}, 1 rank", f"updates/s, {name}, 2 ranks"
            body += [[one, f"{speed:.1f}", "1.00"], [two, f"{other:.1f}", f"{other / speed:.2f}"]]
        else:
            body.append(["all-reduce of the gradients, 2 ranks", f"{other:.1f} ms", ""])
    machine = found["machine"]
    caption = f"{machine['processor']}, {machine['cores']} cores, torch {machine['torch']}."
    return f"{caption}\n\n{rows(['what', 'measured', 'ratio'], body)}"


def workers(found: Measured) -> str:
    """Steps per second with K workers, for learners of several speeds, and their traffic."""
    per_worker = found["rollouts"]["by 1 worker"]
    learners = [found["1 rank"]["batch 64"], *LEARNERS]
    body = []
    for count in (1, 2, 8, 64):
        made = count * per_worker
        reached = [min(made, learner) for learner in learners]
        traffic = [f"{speed * bytes_per_step(found) / 1e6:.1f}" for speed in reached]
        body.append([
            str(count), f"{made:.0f}",
            *(f"{speed:.0f}, {mb} MB/s" for speed, mb in zip(reached, traffic, strict=True)),
        ])  # fmt: skip
    head = ["workers", "they make, steps/s"]
    head += [f"a learner of {learner:.0f} updates/s takes" for learner in learners]
    return rows(head, body)


def bytes_per_step(found: Measured) -> float:
    """Pixels to the learner, and weights to the worker once per episode."""
    sizes = found["sizes"]
    return sizes["step of an episode, two 84x84 cameras"] + sizes["weights"] / STEPS


def ranks(found: Measured) -> str:
    """What an all-reduce takes by the network, and what the split of a batch leaves to compute."""
    gradients, (fixed, per_row) = found["sizes"]["gradients"], seconds_of_update(found)
    body = []
    for count in (2, 8):
        traffic = 2 * (count - 1) / count * gradients
        speedup = (fixed + per_row * 256) / (fixed + per_row * 256 / count)
        body.append([
            str(count), f"{traffic / 1e6:.1f} MB",
            *(f"{1000 * traffic / speed:.2f} ms" for speed in NETWORKS.values()),
            f"{speedup:.1f}",
        ])  # fmt: skip
    head = ["ranks", "a rank sends per update", *NETWORKS, "at most so many times as fast"]
    return rows(head, body)


def seconds_of_update(found: Measured) -> tuple[float, float]:
    """Fixed and per row of the batch, fitted to what one rank takes."""
    speeds = {int(n.split()[1]): v for n, v in found["1 rank"].items() if n.startswith("batch")}
    per_row, fixed = np.polyfit(list(speeds), [1 / speed for speed in speeds.values()], 1)
    return max(float(fixed), 0.0), float(per_row)
