"""Offscreen rendering without a screen: which GL backend, and cameras of any size.

MuJoCo reads MUJOCO_GL once, while it is imported. Modules that render therefore take MuJoCo
from `load_mujoco()`, which settles the variable first; child processes inherit it.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mujoco

BACKENDS = ("egl", "osmesa")  # in the order of preference
REMEDY = (
    "install a software renderer: apt-get install libegl1 libgl1-mesa-dri libosmesa6 "
    "(or set MUJOCO_GL to a backend that works on this machine)"
)
# A probe may crash the interpreter or find no device: hence a process of its own.
_PROBE = """
import mujoco
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light/><geom size='1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 8, 8)
renderer.update_scene(data)
renderer.render()
from OpenGL import GL
name = GL.glGetString(GL.GL_RENDERER).decode()
renderer.close()
print("GL_RENDERER", name)
"""


def probe(backend: str) -> str | None:
    """The GL_RENDERER that draws a tiny scene with `backend`, or None where that fails."""
    settings = _settings(backend, os.environ)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _PROBE],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )
    except subprocess.TimeoutExpired:
        return None
    lines = [line for line in ended.stdout.splitlines() if line.startswith("GL_RENDERER ")]
    return lines[-1].removeprefix("GL_RENDERER ") if ended.returncode == 0 and lines else None


def choose_backend(
    environ: MutableMapping[str, str] = os.environ,
    probe: Callable[[str], str | None] = probe,
) -> str:
    """The user's MUJOCO_GL, or else the first of BACKENDS that renders, written to `environ`.

    Raises RuntimeError naming the Debian packages where none renders.
    """
    if environ.get("MUJOCO_GL"):
        return environ["MUJOCO_GL"]
    if sys.platform != "linux":
        return "native"  # MuJoCo's own choice (CGL, WGL) needs no screen there
    for backend in BACKENDS:
        if probe(backend) is not None:
            environ.update(_settings(backend, environ))
            return backend
    raise RuntimeError(f"neither EGL nor OSMesa can render here; {REMEDY}")


def _settings(backend: str, environ: MutableMapping[str, str]) -> dict[str, str]:
    """PyOpenGL must load the same library as MuJoCo, or MuJoCo refuses to be imported."""
    if backend.lower() not in BACKENDS:
        return {"MUJOCO_GL": backend}
    return {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend.lower()}


@functools.cache
def load_mujoco() -> ModuleType:
    """MuJoCo with a GL backend that renders offscreen.

    Raises RuntimeError where nothing renders, or where the user's MUJOCO_GL cannot be loaded.
    """
    came_early = "mujoco" in sys.modules  # robosuite sets MUJOCO_GL, but after importing MuJoCo
    backend = choose_backend()
    try:
        import mujoco

        if came_early:
            _choose_again()
    except (ImportError, AttributeError, RuntimeError) as error:
        raise RuntimeError(f"MUJOCO_GL={backend} cannot be loaded ({error}); {REMEDY}") from error
    return mujoco


def _choose_again() -> None:
    """Who imported MuJoCo before us left it with the backend for screens."""
    for name in list(sys.modules):
        if name.startswith("mujoco.") and name.endswith(".gl_context"):
            importlib.reload(sys.modules[name])


def _renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    """Raises RuntimeError where the backend can be loaded but finds no device to draw with."""
    from mujoco import Renderer

    try:
        from mujoco.gl_context import GLContext

        # One that could not be made is destroyed all the same, and asked for what it never got.
        GLContext._context = None
        return Renderer(model, height, width)
    except (ImportError, AttributeError, RuntimeError) as error:
        backend = os.environ.get("MUJOCO_GL", "")
        raise RuntimeError(f"MUJOCO_GL={backend} cannot draw here ({error}); {REMEDY}") from error


class Cameras:
    """An offscreen renderer of some of a model's cameras, or of free ones, all of one size.

    Plain by default, which is many times faster in software: no shadows, no reflections, no
    multisampling. With `pretty` the same scene gets MuJoCo's own of them. `hidden_groups` are
    groups of geoms that are not drawn; with `cull`, those out of a camera's sight are left out
    first, which pays for large meshes and changes no pixel (`pretty` ignores it: what is out of
    sight may cast a shadow). Close it when done; a forgotten one closes at exit, before EGL is
    torn down.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        cameras: Sequence[str | mujoco.MjvCamera],
        size: tuple[int, int],
        pretty: bool = False,
        hidden_groups: Sequence[int] = (),
        cull: bool = False,
    ) -> None:
        from mujoco import MjvOption, mjtRndFlag

        height, width = size
        visual = model.vis
        visual.quality.shadowsize, visual.quality.offsamples = (4096, 4) if pretty else (0, 0)
        visual.global_.offheight, visual.global_.offwidth = height, width
        self._cameras = [model.camera(c).id if isinstance(c, str) else c for c in cameras]
        self._renderer = _renderer(model, height, width)
        _OPEN.add(self)
        _close_all_at_exit()
        self._options = MjvOption()
        self._options.geomgroup[[*hidden_groups, _OUT_OF_SIGHT]] = 0
        self._model, self._cull = model, cull and not pretty
        flags = self._renderer.scene.flags
        for flag in (mjtRndFlag.mjRND_SHADOW, mjtRndFlag.mjRND_REFLECTION):
            flags[flag] = pretty
        flags[mjtRndFlag.mjRND_HAZE] = False

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """Uint8 [V, H, W, 3], upright, a new array. Needs kinematics that are up to date."""
        shape = (len(self._cameras), self._renderer.height, self._renderer.width, 3)
        images = np.empty(shape, dtype=np.uint8)
        for camera, image in zip(self._cameras, images, strict=True):
            self._update_scene(data, camera)
            self._renderer.render(out=image)
        return images

    def _update_scene(self, data: mujoco.MjData, camera: int | mujoco.MjvCamera) -> None:
        groups = self._model.geom_group.copy()
        if self._cull and isinstance(camera, int):
            self._model.geom_group[~self._in_sight(data, camera)] = _OUT_OF_SIGHT
        self._renderer.update_scene(data, camera, self._options)
        self._model.geom_group[:] = groups

    def _in_sight(self, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Whose bounding sphere reaches into the pyramid that the camera sees, bool [geoms]."""
        model, renderer = self._model, self._renderer
        frame = data.cam_xmat[camera].reshape(3, 3)  # right, up, backwards
        centres = (data.geom_xpos - data.cam_xpos[camera]) @ frame
        ahead, slope = -centres[:, 2], np.tan(np.deg2rad(model.cam_fovy[camera]) / 2)
        radius = np.where(model.geom_rbound > 0, model.geom_rbound, np.inf)  # 0: a plane
        seen = ahead > -radius
        for axis, reach in ((0, slope * renderer.width / renderer.height), (1, slope)):
            beyond = np.abs(centres[:, axis]) - reach * ahead
            seen &= beyond < radius * np.hypot(1, reach)
        return seen

    def close(self) -> None:
        """Free the GL context; again is harmless."""
        self._renderer.close()
        _OPEN.discard(self)


_OUT_OF_SIGHT = 5  # a group of geoms that nothing uses
_OPEN: weakref.WeakSet[Cameras] = weakref.WeakSet()


@functools.cache
def _close_all_at_exit() -> None:
    """MuJoCo ends EGL at exit. What is registered after its first renderer comes before that."""
    atexit.register(_close_all)


def _close_all() -> None:
    for cameras in list(_OPEN):
        cameras.close()
