"""`-m hydra/launcher=ray`: every combination of a multirun is a task of a Ray cluster.

hydra's own plugin for Ray wants a release of it that no Python from 3.11 on has. A task here is
nothing but the command line of one combination, in a process of its own, in the folder that all
machines share.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from calql_vision.cli.sweep_table import Cell, SweepTable
from calql_vision.engine.ray_cluster import joined_cluster


@dataclass
class RayLauncherConfig:
    """hydra.launcher.<option>"""

    _target_: str = "hydra_plugins.calql_vision_ray.RayLauncher"
    address: str | None = None  # of a cluster; null: RAY_ADDRESS, else one on this machine
    cores: int | None = None  # of the one on this machine; null: all
    cpus: float = 1  # that a cell takes
    gpus: float = 0
    retries: int = 2  # of a cell whose process or machine died; it goes on where it was


class RayLauncher(Launcher):
    """Runs all cells, shows them in a table, and fails at the end if any of them did."""

    def __init__(self, **options: Any):
        self.options = RayLauncherConfig(**options)

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.stage, self.folder = config.hydra.job.config_name, Path(config.hydra.sweep.dir)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        logs = self.folder / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
        logs.mkdir(parents=True)
        cells = [
            Cell(list(words), logs / f"{number}.log")
            for number, words in enumerate(job_overrides, start=initial_job_idx)
        ]
        self._run(cells)
        failed = [cell for cell in cells if cell.failure]
        if failed:
            sys.exit(f"error: {len(failed)} of {len(cells)} failed; the same command goes on")
        return [JobReturn(overrides=cell.words, status=JobStatus.COMPLETED) for cell in cells]

    def _run(self, cells: list[Cell]) -> None:
        options = self.options
        ray = joined_cluster(options.address, options.cores)
        task = ray.remote(
            num_cpus=options.cpus, num_gpus=options.gpus, max_retries=options.retries, max_calls=1
        )(run_cell)
        running = {
            task.remote(os.getcwd(), self.stage, cell.words, cell.log.resolve()): cell
            for cell in cells
        }
        with SweepTable(cells) as table:
            while running:
                ended, _ = ray.wait(list(running), timeout=1)
                for reference in ended:
                    running.pop(reference).end(_failure(ray, reference))
                table.refresh()


def _failure(ray: Any, reference: Any) -> str | None:
    """What a cell ended with; None: well."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:  # its process died once too often, say
        return str(error).strip().splitlines()[0]


def run_cell(folder: str, stage: str, words: list[str], log: Path) -> str | None:
    """The command line of one cell, in a process of Ray; the sentence that it failed with."""
    os.chdir(folder)
    sys.argv = ["calql-vision", stage, *words]
    with log.open("a", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        print(f"$ {' '.join(sys.argv)}")
        try:
            run_module("calql_vision", run_name="__main__")
        except SystemExit as ended:
            print(ended.code)
            return str(ended.code) if ended.code else None
    return None


@cache
def install() -> None:
    """Make it known to hydra, once."""
    sys.path.append(str(Path(__file__).parent / "plugins"))  # one more part of a namespace package
    plugin = import_module("hydra_plugins.calql_vision_ray")
    Plugins.instance().register(plugin.RayLauncher)
    ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayLauncherConfig)
