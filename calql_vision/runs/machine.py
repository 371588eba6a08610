"""Which machine and which versions."""

import platform
from importlib.metadata import version
from pathlib import Path

from calql_vision import __version__


def machine() -> dict[str, str]:
    """Versions and processor of the machine that makes the page."""
    packages = ("calql-vision", "torch", "mujoco", "robomimic", "numpy")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "platform": platform.platform(),
        "processor": _processor(),
    }


def _processor() -> str:
    """The name that Linux gives its CPU; elsewhere what Python knows."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def software_versions() -> dict[str, str]:
    """What made the file, for its env_version."""
    return {"calql-vision": __version__, "mujoco": version("mujoco")}
