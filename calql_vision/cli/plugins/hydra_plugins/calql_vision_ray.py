"""hydra instantiates plugins of the namespace package `hydra_plugins` alone; ours is elsewhere."""

from calql_vision.cli import ray_launcher


class RayLauncher(ray_launcher.RayLauncher):
    """The same under a name that hydra takes."""
