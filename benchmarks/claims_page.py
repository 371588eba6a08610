"""The tables of docs/claims/index.md: one per claim, every seed shown."""

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from claims_rows import Row

from calql_vision.analysis.outcome import SuccessCount
from calql_vision.runs.config import ScaleConfig

HEAD = """# The claims, measured

`python benchmarks/claims.py run`, then `python benchmarks/claims.py page`; one thread per run.
Success is counted over 100 fresh episodes with Wilson's 95 % interval; "first, lowest online" are
the first and the least of the periodic evaluations of fine-tuning, with the episodes of each;
regret is the mean of 1 - success over the online episodes, exploration included. Settings were
chosen on seeds and recordings from 100 on; what made us choose anew was seen on reported ones
four times: the floor of the penalty on recordings_48/1, reach's steps on its seeds 0 and 1, push's
on its three, Stack's noise on its seed 0 ([Results](../results.md)). A cell that is not there was
not run.
"""

VALIDATION = "scale.validation_episodes="
COLUMNS = (
    "method", "data", "seed", "after pre-training", "first, lowest online", "after fine-tuning",
    "regret",
)  # fmt: skip


def page(rows: Iterable[Row]) -> str:
    return "\n".join([HEAD, *map(section, rows)])


def section(row: Row) -> str:
    found = {cell: json.loads(cell.file.read_text()) for cell in row.cells() if cell.file.is_file()}
    lines = [f"## {row.claim}", ""]
    if not found:
        return "\n".join([*lines, "Not run yet.", ""])
    lines += [f"![Success online, {row.name}]({row.name}.png)", ""]
    lines += [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for method, data in product(row.methods, row.data):
        lines += [line(found[c]) for c in found if (c.method, c.data) == (method, data)]
    for method, group in product(row.methods, row.together().values()):
        cells = [cell for cell in row.cells() if cell.method == method and cell.data in group]
        results = [found[cell] for cell in cells if cell in found]
        lines += [total(method, results, len(cells))] if len(results) > 1 else []
    return "\n".join([*lines, "", provenance(found.values()), ""])


def line(result: dict[str, Any]) -> str:
    cells = [
        result["method"],
        result["data"],
        str(result["seed"]),
        success(result["offline"]),
        first_and_lowest(result),
        success(result["final"]),
        f"{result['regret']:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def total(method: str, results: list[dict[str, Any]], asked: int) -> str:
    """What there is of `asked` runs of a method, together."""
    known = {name: [r[name] for r in results if r[name]] for name in ("offline", "final")}
    pooled = {name: [sum(column) for column in zip(*counts, strict=True)] or None
              for name, counts in known.items()}  # fmt: skip
    regret = sum(r["regret"] for r in results) / len(results)
    runs = f"{len(results)} of {asked}" if len(results) < asked else f"all {asked}"
    offline, final = success(pooled["offline"]), success(pooled["final"])
    data = {result["data"] for result in results}
    where = data.pop() if len(data) == 1 else ""
    return f"| **{method}** | {where} | {runs} | {offline} | | **{final}** | {regret:.3f} |"


def success(count: list[int] | None) -> str:
    if count is None:
        return "-"
    counted = SuccessCount(*count)
    low, high = counted.interval
    return f"{counted.rate:.2f} [{low:.2f}, {high:.2f}]"


def first_and_lowest(result: dict[str, Any]) -> str:
    rates = [rate for _, rate in result["periodic"]["finetune"]]
    asked = (word.removeprefix(VALIDATION) for word in result["words"] if VALIDATION in word)
    episodes = next(asked, ScaleConfig().validation_episodes)
    return f"{rates[0]:.2f}, {min(rates[1:]):.2f} of {episodes}" if rates[1:] else "-"


def provenance(results: Iterable[dict[str, Any]]) -> str:
    results = list(results)
    commits = sorted({result["commit"] for result in results})
    machines = [result["machine"] for result in results]
    processors = sorted({m.get("gpu") or m["processor"] for m in machines})
    hours = sum(result["wall_seconds"] for result in results) / 3600
    return (
        f"{len(results)} run{'s' * (len(results) > 1)}, {hours:.1f} hours of training on one "
        "thread each beside other work; "
        f"{', '.join(processors)}; commits {', '.join(commits)}."
    )


def write(rows: Iterable[Row]) -> None:
    Path("docs/claims/index.md").write_text(page(rows))
