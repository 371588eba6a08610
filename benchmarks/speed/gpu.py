"""Updates on a GPU: eager, as a CUDA graph, and in other precisions.

PYTHONPATH=benchmarks python -m speed.gpu         measures into docs/performance/gpu.json
PYTHONPATH=benchmarks python -m speed.gpu page    docs/gpu.md from that file, on any machine
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.engine.acceleration import accelerate, allow_tf32
from calql_vision.engine.learn import learn
from calql_vision.engine.timing import alternate
from calql_vision.runs.launch import machine, versions
from speed.measurement import Measurement
from speed.page import section
from speed.updates import PLAIN, SETTINGS, Setting, agent_of, buffer_of, plain_of

GPU = torch.device("cuda")
FILE, PAGE = Path("docs/performance/gpu.json"), Path("docs/gpu.md")
BEGIN, END = "<!-- speed.gpu: written by it -->", "<!-- end of speed.gpu -->"
TURNS = 3
WATCHED = "nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 100"
#: How our update is run -> the options that say so.
OURS = {
    "ours, eager": {"compile": "none"},
    "ours, compile=graph": {"compile": "graph"},
    "... and precision=tf32": {"compile": "graph", "precision": "tf32"},
    "... and precision=bf16": {"compile": "graph", "precision": "bf16"},
}
#: Updates per turn: of the re-statement, of ours eager, of ours recorded.
COUNTS = {
    "updates_default": (10, 30, 150),
    "updates_official": (4, 20, 100),
    "updates_resnet": (0, 5, 30),
}


def measure() -> dict:
    comparisons, utilisation = [], {}
    for name, counts in COUNTS.items():
        found, busy = compare(SETTINGS[name], *counts)
        print(found, busy, flush=True)
        comparisons.append(asdict(found))
        utilisation[found.name] = busy
    git = ["git", "rev-parse", "--short", "HEAD"]
    return {
        "gpu": torch.cuda.get_device_name(),
        "driver": smi("nvidia-smi --query-gpu=driver_version --format=csv,noheader").strip(),
        "machine": machine(),
        "versions": versions() | {"cuda": torch.version.cuda},
        "commit": subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip(),
        "utilisation": utilisation,
        "measurements": comparisons,
    }


def compare(setting: Setting, plain: int, eager: int, recorded: int) -> tuple[Measurement, dict]:
    """Updates per second, sampling included; and the share of the time that the GPU is busy."""
    buffer, counts = buffer_of(setting.spec), {}
    buffer.keep_frames_on(GPU, 2**33)
    works: dict[str, Callable[[], object]] = {}
    for name, options in OURS.items():
        counts[name] = recorded if options["compile"] == "graph" else eager
        works[name] = ours(setting, options, buffer, counts[name])
    if plain:
        host, counts[PLAIN] = buffer_of(setting.spec), plain
        update = plain_of(setting, setting.config(), GPU).learn
        works[PLAIN] = partial(update, host, plain, np.random.default_rng(0))
    seconds = alternate(works, TURNS, GPU)
    values = {name: [counts[name] / s for s in taken] for name, taken in seconds.items()}
    baseline = PLAIN if plain else "ours, eager"
    busy = {name: busy_share(work, seconds[name][0]) for name, work in works.items()}
    return Measurement(f"Updates: {setting.name}", "updates/s", baseline, values), busy


def ours(
    setting: Setting, options: dict, buffer: EpisodeBuffer, count: int
) -> Callable[[], object]:
    agent, generator = agent_of(setting, GPU), np.random.default_rng(0)
    config = replace(setting.config(), device="cuda", **options)

    def work() -> None:
        if agent.fast_update is None:
            accelerate(agent, config)
        allow_tf32(config.precision != "fp32")  # whose turn it is, decides
        learn(agent, buffer, count, generator)

    return work


def busy_share(work: Callable[[], object], seconds: float) -> float:
    """Percent of the time in which a kernel runs, over a second and more."""
    with subprocess.Popen(WATCHED.split(), stdout=subprocess.PIPE, text=True) as watch:
        for _ in range(1 + int(1.5 / seconds)):
            work()
        torch.cuda.synchronize()
        watch.terminate()
        said = watch.communicate()[0].split()
    return mean(float(value) for value in said[4:-1])  # the first ones are of what was before


def smi(command: str) -> str:
    return subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout


def write(content: dict) -> None:
    software = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    parts = [
        f"{content['gpu']}, driver {content['driver']}, {content['machine']['cores']} cores of an "
        f"{content['machine']['processor']}. {software}. Commit {content['commit']}. "
        "`PYTHONPATH=benchmarks python -m speed.gpu`\n"
    ]
    for found in content["measurements"]:
        parts.append(section(Measurement(**found)))
        busy = content["utilisation"][found["name"]]
        shares = "; ".join(f"{name} {share:.0f} %" for name, share in busy.items())
        parts.append(f"Time in which a kernel runs, by nvidia-smi: {shares}.\n")
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + "\n\n".join([BEGIN, "\n".join(parts), END]) + rest.split(END)[1])


def main(action: str = "measure") -> None:
    if action == "measure":
        FILE.write_text(json.dumps(measure(), indent=1) + "\n")
    write(json.loads(FILE.read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])
