"""What a family of environments is."""

from collections.abc import Sequence
from typing import Any, Protocol

from calql_vision.types import PixelEnv, Policy


class Family(Protocol):
    """The tasks behind "family/task" that one simulator offers; a module with these will do.

    Nothing imports the simulator until an environment is made, so that tasks can be listed, and
    their YAML be read, on a machine that lacks it.
    """

    IMAGE_SIZE: int  # side of the images where none is asked for, pixels

    def names(self) -> list[str]:
        """The tasks that can be listed."""

    def knows(self, task: str) -> bool:
        """Whether `make` is worth trying; a family may know more than `names` lists."""

    def make(
        self,
        task: str,
        cameras: Sequence[str] | None,
        *,
        image_size: tuple[int, int],
        horizon: int | None,
        **kwargs: Any,
    ) -> PixelEnv:
        """The environment of a task that it knows.

        `cameras` in the order of the images' first axis (None: the task's own), `image_size` in
        pixels (height, width), `horizon` in steps (None: the task's own); `kwargs` are the
        family's own. The environment's `pixel_spec.kwargs` hold those that make it once more.
        Raises ValueError for what cannot be.
        """

    def expert(self, env: Any, noise: float | None, seed: int) -> Policy:
        """The scripted expert of `env`, which `make` made: see `make_expert`.

        Raises ValueError where the task has none.
        """


#: What a module must have to be one.
MEMBERS = ("IMAGE_SIZE", "names", "knows", "make", "expert")
