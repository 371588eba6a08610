"""A long fine-tuning at the smallest sizes: memory and open files stay as they are."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

from tests.faults.kills import ended, import_everything, started
from tests.faults.outcome import Row

MOST = 1.05  # times the memory after a quarter of the steps; pages of Python's come and go
WORDS = ("finetune", "task=reach", "algo=sac", "scale=smoke", "task.image_size=8", "task.horizon=8",
         "task.effort=1", "encoder.features=4", "algo.hidden=[8]", "algo.batch_size=4", "threads=1",
         "algo.online.updates_per_step=0.2", "algo.online.random_steps=8", "scale.evaluations=4",
         "scale.validation_episodes=1", "data.memory_budget=1MB")  # fmt: skip


def run(count: int, seed: int) -> list[Row]:
    """`count` environment steps."""
    import_everything()
    row = Row("soak")
    with TemporaryDirectory(prefix="soak-") as folder:
        words = (*WORDS, f"scale.online_steps={count}", f"seed={seed}", "output=here")
        process = started(words, Path(folder))
        samples = watched(process, Path(folder) / "here/metrics.csv", count)
        code, log = ended(process), (Path(folder) / "log.txt").read_text()
    problem = f"exit code {code}: {log[-300:]}" if code else growth(samples, count)
    row.count(problem, False, f"soak of {count} steps, seed {seed}")
    return [row]


def watched(process: int, metrics: Path, count: int) -> list[tuple[int, int, int]]:
    """(steps, bytes of its own memory, open files), now and then while the process runs."""
    found: list[tuple[int, int, int]] = []
    while (
        steps_of(metrics) < count
        and os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        files = len(list(Path(f"/proc/{process}/fd").iterdir()))
        found.append((steps_of(metrics), own_memory(process), files))
        sleep(0.5)
    return found


def steps_of(metrics: Path) -> int:
    last = metrics.read_text().splitlines()[-1] if metrics.exists() else ""
    first = last.partition(",")[0]
    return int(first) if first.isdigit() else 0


def own_memory(process: int) -> int:
    """Resident bytes that belong to no file."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


def growth(samples: list[tuple[int, int, int]], count: int) -> str | None:
    """What has grown between a quarter of the steps and the end; None: nothing."""
    _, memory, files = next(sample for sample in samples if sample[0] >= count / 4)
    steps, last_memory, last_files = samples[-1]
    megabytes = f"{memory / 1e6:.0f} MB then {last_memory / 1e6:.0f}"
    print(f"{megabytes}, {files} open files then {last_files}, {steps} steps", file=sys.stderr)
    if last_memory > MOST * memory or last_files > files:
        return f"{megabytes}, {files} open files then {last_files}"
    return None
