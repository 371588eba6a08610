"""Pictures of a Gymnasium environment: MuJoCo's cameras where it has them, else its `render()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import gymnasium
import numpy as np

from calql_vision.datasets.hdf5_read import resized
from calql_vision.envs.gym.registered import Registered
from calql_vision.envs.rendering import Cameras, load_mujoco

if TYPE_CHECKING:
    import mujoco
else:
    mujoco = load_mujoco()

FREE = "free"  # the camera of the environment's viewer
RENDER = "render"  # the one view of environments without MuJoCo
PICTURE_SIZE = (256, 256)


class Views(Protocol):
    """What the agent and people see of an environment."""

    cameras: Sequence[str]

    def render(self) -> np.ndarray:
        """All cameras, uint8 [V, H, W, 3], upright."""

    def picture(self) -> np.ndarray:
        """For people, uint8 [H, W, 3]."""

    def close(self) -> None: ...


def open_views(
    inner: Registered,
    cameras: Sequence[str] | None,
    size: tuple[int, int],
    pretty: bool,
    free_camera: Mapping[str, Any],
) -> Views:
    """The views of an environment. Raises ValueError for a camera that it does not have."""
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"image_size={size!r}; give (height, width) in pixels")
    if inner.simulated:
        return MujocoViews(
            inner.env, [FREE] if cameras is None else cameras, size, pretty, free_camera
        )
    return RenderedViews(inner, [RENDER] if cameras is None else cameras, size)


class MujocoViews:
    """Cameras of the model by name, and "free", the viewer's own, changed by `free_camera`."""

    def __init__(
        self,
        env: Any,
        cameras: Sequence[str],
        size: tuple[int, int],
        pretty: bool,
        free_camera: Mapping[str, Any],
    ) -> None:
        self._model, self._data = env.model, env.data
        names = [self._model.camera(number).name for number in range(self._model.ncam)]
        self.cameras = checked(cameras, [*names, FREE])
        free = viewer_camera(env, free_camera)
        self._chosen = [free if name == FREE else name for name in cameras]
        self._pretty = pretty
        self._small = Cameras(self._model, self._chosen, size, pretty)
        self._large: Cameras | None = None

    def render(self) -> np.ndarray:
        return self._small.render(self._data)

    def picture(self) -> np.ndarray:
        if self._large is None:
            self._large = Cameras(self._model, self._chosen[:1], PICTURE_SIZE, self._pretty)
        return self._large.render(self._data)[0]

    def close(self) -> None:
        self._small.close()
        if self._large is not None:
            self._large.close()


class RenderedViews:
    """The environment's own picture, resized."""

    def __init__(self, inner: Registered, cameras: Sequence[str], size: tuple[int, int]) -> None:
        self.cameras = checked(cameras, [RENDER])
        self._inner, self._size = inner, size
        self.picture()

    def render(self) -> np.ndarray:
        return resized(self.picture()[None].copy(), self._size)

    def picture(self) -> np.ndarray:
        name = self._inner.task
        try:
            picture = self._inner.outer.render()
        except gymnasium.error.Error as error:
            raise ValueError(f"gym/{name} cannot be rendered: {error}") from error
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3:
            raise ValueError(f"gym/{name} renders no uint8 [H, W, 3] but {type(picture).__name__}")
        return picture

    def close(self) -> None:
        """The environment closes its window itself."""


def checked(cameras: Sequence[str], valid: Sequence[str]) -> Sequence[str]:
    """`cameras`. Raises ValueError unless they are some of the `valid` ones."""
    if isinstance(cameras, str) or not cameras or not set(cameras) <= set(valid):
        raise ValueError(f"cameras={cameras!r}; give a list out of {', '.join(valid)}")
    return cameras


def viewer_camera(env: Any, changes: Mapping[str, Any]) -> mujoco.MjvCamera:
    """The camera from which the environment's viewer looks, as Gymnasium's MujocoRenderer sets it.

    `changes` are fields of MjvCamera: lookat (metres), distance, azimuth, elevation (degrees).
    """
    viewer = getattr(getattr(env, "robot_env", env), "mujoco_renderer", None)
    config = {
        "lookat": np.median(env.data.geom_xpos, axis=0),
        "distance": env.model.stat.extent,
        **(getattr(viewer, "default_cam_config", None) or {}),
        **changes,
    }
    camera = mujoco.MjvCamera()
    for name, value in config.items():
        if not hasattr(camera, name):
            raise ValueError(f"free_camera.{name}; give lookat, distance, azimuth or elevation")
        setattr(camera, name, value)
    return camera
