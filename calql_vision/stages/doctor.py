"""Whether this machine can run the program, and what to do where it cannot."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

REQUIRED = (
    "torch",
    "torchvision",
    "mujoco",
    "robomimic",
    "gymnasium",
    "h5py",
    "hydra-core",
)
OPTIONAL = ("robosuite", "gymnasium-robotics")

#: What a check found, and what to do about it (None: nothing).
CheckResult = tuple[str, str | None]


def run(probe: Callable[[str], str | None] | None = None) -> int:
    """Print versions, GL, device, cores and a verdict; 0 when ready, 1 when something is amiss.

    `probe` maps a GL backend to the name of the renderer behind it, or None; by itself: it tries.
    """
    results: dict[str, CheckResult] = {"python": (platform.python_version(), None)}
    results |= {package: _package(package) for package in REQUIRED}
    results |= {package: (_version(package) or "not installed", None) for package in OPTIONAL}
    results |= {"rendering": _rendering(probe), "device": _device(), "cores": (_cores(), None)}
    return _report(results)


def _report(results: dict[str, CheckResult]) -> int:
    table = Table("what", "found", title="calql-vision doctor")
    for what, (found, problem) in results.items():
        table.add_row(what, found, style="red" if problem else None)
    problems = [problem for _, problem in results.values() if problem]
    console = Console()
    console.print(table)
    for problem in problems:
        console.print(f"not ready: {problem}", style="bold red", soft_wrap=True, markup=False)
    if not problems:
        console.print("ready", style="bold green")
    return 1 if problems else 0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _package(package: str) -> CheckResult:
    found = _version(package)
    if found is None:
        return "missing", f"{package} is missing; run pip install -e . in the checkout"
    return found, None


def _rendering(probe: Callable[[str], str | None] | None) -> CheckResult:
    try:
        from calql_vision.envs import rendering  # not without gymnasium
    except ImportError as error:
        return "none", f"the environments cannot be loaded ({error}); reinstall what is missing"
    probe = probe or rendering.probe
    try:
        backend = rendering.choose_backend(probe=probe)
    except RuntimeError as error:
        return "none", str(error)
    renderer = probe(backend)
    if renderer is None:
        remedy = f"unset it, or {rendering.REMEDY}"
        return backend, f"MUJOCO_GL={backend} does not render here; {remedy}"
    return f"{backend}: {renderer}", None


def _device() -> CheckResult:
    try:
        import torch
        import torchvision  # a build for another torch fails here
    except (ImportError, RuntimeError, OSError) as error:
        return "none", f"torch and torchvision do not load together ({error}); reinstall both"
    assert torchvision
    return (torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"), None


def _cores() -> str:
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return f"{os.cpu_count()} cores, OMP_NUM_THREADS={threads}"
