"""Laws of rendering: resumed equals unbroken, parallel equals serial, twice is the same."""

import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import h5py
import numpy as np
import pytest

from calql_vision.engine import replay
from calql_vision.envs import make_env
from calql_vision.runs.config import RolloutsConfig, TaskConfig
from calql_vision.stages import collect, convert
from calql_vision.stages.collect import CollectConfig
from calql_vision.stages.convert import ConvertConfig

DEMOS = 12
TASK = TaskConfig(image_size=8, horizon=25)


@pytest.fixture(scope="module")
def states(tmp_path_factory) -> Path:
    """A file of states, actions and masks alone."""
    path = tmp_path_factory.mktemp("data") / "states.hdf5"
    collect.run(CollectConfig(task=TASK, output=str(path), episodes=DEMOS))
    with h5py.File(path, "a") as file:
        for demo in file["data"].values():
            for key in ("obs", "rewards", "dones"):
                del demo[key]
        file["notes"] = "kept"
    return path


@pytest.fixture(scope="module")
def unbroken(states, tmp_path_factory) -> bytes:
    """What an undisturbed conversion writes."""
    return converted(states, tmp_path_factory.mktemp("unbroken") / "pixels.hdf5")


def config(source: Path, output: Path, **changes) -> ConvertConfig:
    return ConvertConfig(source=str(source), output=str(output), image_size=96, **changes)


def converted(source: Path, output: Path, **changes) -> bytes:
    convert.run(config(source, output, **changes))
    assert list(output.parent.iterdir()) == [output]
    return output.read_bytes()


@pytest.mark.parametrize("processes", [1, 2])
def test_every_conversion_writes_the_same_bytes(states, unbroken, tmp_path, processes):
    how = RolloutsConfig(workers=processes)
    assert converted(states, tmp_path / "pixels.hdf5", rollouts=how) == unbroken


def test_a_killed_conversion_goes_on_where_it_was(states, unbroken, tmp_path, capsys):
    output = tmp_path / "pixels.hdf5"
    words = [f"source={states}", f"output={output}", "image_size=96"]
    command = [sys.executable, "-m", "calql_vision", "convert", *words]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        kill_after(process, tmp_path / "pixels.hdf5.parts", parts=2)
    assert not output.exists()
    done = len(list((tmp_path / "pixels.hdf5.parts").glob("demo_*.hdf5")))
    assert 2 <= done < DEMOS
    assert converted(states, output) == unbroken
    assert f"{done} of {DEMOS} demos are done" in capsys.readouterr().out


def kill_after(process: subprocess.Popen, folder: Path, parts: int) -> None:
    """SIGKILL, which nothing can catch, as soon as so many parts are there."""
    latest = monotonic() + 60
    while len(list(folder.glob("demo_*.hdf5"))) < parts:
        assert process.poll() is None, "ended before it could be killed"
        assert monotonic() < latest
        sleep(0.002)
    process.kill()


@pytest.fixture
def interrupted(states, tmp_path, monkeypatch) -> Path:
    """The output of a conversion that was interrupted after three demos."""
    whole, count = replay.Replayer.__call__, iter(range(DEMOS))

    def stop_at_the_fourth(self, name):
        if next(count) == 3:
            raise KeyboardInterrupt
        return whole(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(replay.Replayer, "__call__", stop_at_the_fourth)
        with pytest.raises(KeyboardInterrupt):
            convert.run(config(states, tmp_path / "pixels.hdf5"))
    return tmp_path / "pixels.hdf5"


def test_a_resumed_conversion_renders_the_missing_demos_alone(
    states, interrupted, unbroken, monkeypatch
):
    rendered, whole = [], replay.Replayer.__call__

    def noted(self, name):
        rendered.append(name)
        return whole(self, name)

    monkeypatch.setattr(replay.Replayer, "__call__", noted)
    assert converted(states, interrupted) == unbroken
    assert rendered == [f"demo_{number}" for number in range(3, DEMOS)]


def touch(source: Path, output: Path) -> dict:
    source.touch()
    return {}


def ask_for_gzip(source: Path, output: Path) -> dict:
    return {"gzip": True}


@pytest.mark.parametrize("change", [touch, ask_for_gzip])
def test_parts_of_another_source_or_of_other_options_are_not_used(
    states, interrupted, capsys, change
):
    converted(states, interrupted, **change(states, interrupted))
    page = capsys.readouterr().out
    assert "starting afresh" in page
    assert "demos are done" not in page


def test_rewards_are_those_of_the_states_that_are_stored(states, unbroken, tmp_path):
    path = tmp_path / "pixels.hdf5"
    path.write_bytes(unbroken)
    env = make_env("tabletop/lift", horizon=25)
    with h5py.File(path) as file:
        assert file["notes"][()] == b"kept"
        for demo in file["data"].values():
            success = []
            for state in demo["states"]:
                env.set_state(state)
                success.append(env.is_success())
            np.testing.assert_array_equal(demo["rewards"][:-1], success[1:])
    env.close()
