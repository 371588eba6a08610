"""Laws of the choice of a GL backend, of the cameras and of the doctor's verdict."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import calql_vision
from calql_vision.envs import make_env
from calql_vision.envs.rendering import Cameras, choose_backend
from calql_vision.stages import doctor

CHECKOUT = Path(calql_vision.__file__).parents[1]


class Machine:
    """A probe that knows which backends work, and remembers what it was asked."""

    def __init__(self, *works):
        self.works, self.asked = works, []

    def __call__(self, backend):
        self.asked.append(backend)
        return "a renderer" if backend in self.works else None


def run_python(code, **environ):
    environ = {k: v for k, v in os.environ.items() if k not in _GL_VARIABLES} | environ
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=CHECKOUT, capture_output=True, text=True
    )


_GL_VARIABLES = ("MUJOCO_GL", "PYOPENGL_PLATFORM")


def test_egl_is_preferred_and_osmesa_not_even_asked():
    machine, environ = Machine("egl", "osmesa"), dict[str, str]()
    assert choose_backend(environ, machine) == "egl"
    assert environ == {"MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "egl"}
    assert machine.asked == ["egl"]


def test_osmesa_is_taken_where_egl_fails():
    machine, environ = Machine("osmesa"), dict[str, str]()
    assert choose_backend(environ, machine) == "osmesa"
    assert environ == {"MUJOCO_GL": "osmesa", "PYOPENGL_PLATFORM": "osmesa"}


def test_a_choice_once_made_is_not_probed_again():
    machine, environ = Machine("egl"), dict[str, str]()
    choose_backend(environ, machine)
    choose_backend(environ, machine)
    assert machine.asked == ["egl"]


def test_the_users_choice_is_honoured_without_a_probe():
    machine, environ = Machine("egl"), {"MUJOCO_GL": "glfw"}
    assert choose_backend(environ, machine) == "glfw"
    assert environ == {"MUJOCO_GL": "glfw"}
    assert machine.asked == []


def test_where_nothing_renders_the_error_names_the_packages():
    with pytest.raises(RuntimeError, match=r"libegl1 libgl1-mesa-dri libosmesa6"):
        choose_backend({}, Machine())


def test_a_users_choice_that_cannot_be_loaded_is_named_with_the_remedy():
    code = "from calql_vision.envs.rendering import load_mujoco as load; load()"
    ended = run_python(code, MUJOCO_GL="moon")
    assert "RuntimeError: MUJOCO_GL=moon cannot be loaded" in ended.stderr
    assert "libosmesa6" in ended.stderr


def test_a_backend_without_a_device_is_named_with_the_remedy_and_nothing_else_is_said():
    code = "from calql_vision.envs import make_env as make; make('tabletop/lift').reset(seed=0)"
    ended = run_python(code, MUJOCO_GL="egl", __EGL_VENDOR_LIBRARY_FILENAMES="/nowhere.json")
    assert ended.stderr.splitlines()[-1].startswith("RuntimeError: MUJOCO_GL=egl cannot")
    assert "libosmesa6" in ended.stderr


def test_it_renders_though_mujoco_was_imported_first_and_a_forgotten_env_closes_at_exit():
    ended = run_python(
        "import mujoco\n"
        "from calql_vision.envs import make_env\n"
        "env = make_env('tabletop/lift')\n"
        "print(env.reset(seed=0)[0]['images'].mean() > 0)"
    )
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_each_camera_renders_the_same_alone_as_beside_others():
    env: Any = make_env("tabletop/lift", cameras=["wrist", "front"], image_size=(24, 32))
    images = env.reset(seed=0)[0]["images"]
    for name, image in zip(env.pixel_spec.cameras, images, strict=True):
        alone = Cameras(env.model, [name], (24, 32))
        np.testing.assert_array_equal(alone.render(env.data), image[None])
        alone.close()
    env.close()


def test_pretty_and_plain_show_the_same_scene():
    env: Any = make_env("tabletop/lift", cameras=["front"], image_size=64)
    plain = env.reset(seed=0)[0]["images"]
    cameras = Cameras(env.model, ["front"], (64, 64), pretty=True)
    difference = np.abs(cameras.render(env.data).astype(int) - plain)
    cameras.close()
    env.close()
    assert 0 < difference.mean() < 10


def test_cameras_close_twice():
    env = make_env("tabletop/reach")
    env.reset(seed=0)
    env.close()
    env.close()


def test_the_doctor_says_ready_where_all_is_well(capsys, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "egl")
    assert doctor.run(Machine("egl")) == 0
    assert capsys.readouterr().out.endswith("ready\n")


@pytest.mark.parametrize("chosen", [None, "osmesa"])
def test_the_doctor_names_the_packages_where_nothing_renders(capsys, monkeypatch, chosen):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    if chosen:
        monkeypatch.setenv("MUJOCO_GL", chosen)
    assert doctor.run(Machine()) == 1
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith("not ready: ")
    assert "libegl1 libgl1-mesa-dri libosmesa6" in verdict


def test_the_doctor_gives_a_verdict_and_no_traceback_with_a_broken_backend():
    ended = run_python(
        "import sys; from calql_vision.stages import doctor; sys.exit(doctor.run())",
        MUJOCO_GL="moon",
    )
    assert ended.returncode == 1
    assert "not ready: MUJOCO_GL=moon does not render here" in ended.stdout
    assert "Traceback" not in ended.stderr


def test_the_doctor_gives_a_verdict_where_the_environments_cannot_be_loaded():
    ended = run_python(
        "import sys; sys.modules['gymnasium'] = None\n"
        "from calql_vision.stages import doctor; sys.exit(doctor.run())"
    )
    assert ended.returncode == 1
    assert "not ready: the environments cannot be loaded" in ended.stdout
    assert "Traceback" not in ended.stderr
