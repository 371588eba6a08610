"""What several test files need: hand-made episodes and hand-made files."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from time import monotonic, sleep

import h5py
import numpy as np
import pytest

from calql_vision.datasets.hdf5 import EpisodeWriter
from calql_vision.engine.environments import task_env
from calql_vision.engine.rollout import rollout
from calql_vision.envs import make_expert
from calql_vision.runs.config import TaskConfig
from calql_vision.runs.launch import software_versions
from calql_vision.types import EnvSpec, Episode


@pytest.fixture(scope="session")
def small_spec() -> EnvSpec:
    """Two cameras of 4 x 6 pixels, three numbers of proprioception, two of action."""
    return EnvSpec(
        name="tabletop/lift",
        cameras=("front", "wrist"),
        image_size=(4, 6),
        proprio={"robot0_gripper_qpos": 1, "robot0_eef_pos": 2},
        action_dim=2,
        horizon=40,
        control_hz=10.0,
        kwargs={"start_region": 0.5},
    )


@pytest.fixture(scope="session")
def random_episode() -> Callable[..., Episode]:
    """random_episode(spec, steps, success, seed=0) -> an Episode of random numbers."""

    def build(spec: EnvSpec, steps: int, success: bool, seed: int = 0) -> Episode:
        random = np.random.default_rng(seed)
        rewards = np.zeros(steps, dtype=np.float32)
        rewards[-1] = success
        shape = (steps + 1, len(spec.cameras), *spec.image_size, 3)
        return Episode(
            images=random.integers(0, 256, shape, dtype=np.uint8),
            proprio=random.normal(size=(steps + 1, spec.proprio_dim)).astype(np.float32),
            actions=random.uniform(-1, 1, (steps, spec.action_dim)).astype(np.float32),
            rewards=rewards,
            success=success,
            states=random.normal(size=(steps + 1, 7)),
            model="<mujoco/>",
        )

    return build


@pytest.fixture
def foreign_file(tmp_path: Path) -> Callable[..., Path]:
    """foreign_file(demos, env_args=..., masks=...) -> a file as others write it, by h5py alone.

    `demos`: name -> key -> array; keys such as "obs/agentview_image" may hold slashes.
    """

    def write(demos: dict, env_args: dict | str | None = None, masks: dict | None = None) -> Path:
        path = tmp_path / "foreign.hdf5"
        if not isinstance(env_args, str):
            env_args = json.dumps(
                {"env_name": "Lift", "type": 1, "env_kwargs": {}} | (env_args or {})
            )
        with h5py.File(path, "w") as file:
            data = file.create_group("data")
            data.attrs["env_args"] = env_args
            for name, arrays in demos.items():
                demo = data.create_group(name)
                for key, array in arrays.items():
                    demo[key] = array
                demo.attrs["num_samples"] = len(arrays["actions"])
            for key, names in (masks or {}).items():
                file[f"mask/{key}"] = np.array(names, dtype="S")
        return path

    return write


@pytest.fixture(scope="session")
def demo() -> Callable[..., dict[str, np.ndarray]]:
    """demo(rewards, next_obs=False, first=0, dones=None) -> arrays as robomimic would store them.

    Observation number t shows first + t in every pixel (4 x 6) and every number.
    """

    def build(rewards, *, next_obs=False, first=0, dones=None) -> dict[str, np.ndarray]:
        steps = len(rewards)
        arrays = {
            "actions": np.linspace(-1, 1, 2 * steps).reshape(steps, 2),
            "rewards": np.array(rewards, dtype=np.float64),
            "dones": np.zeros(steps) if dones is None else np.array(dones),
        }
        for group, shift in (("obs", 0), ("next_obs", 1))[: 1 + next_obs]:
            numbers = first + shift + np.arange(steps)
            frames = np.broadcast_to(numbers[:, None, None, None], (steps, 4, 6, 3))
            arrays[f"{group}/agentview_image"] = frames.astype(np.uint8)
            arrays[f"{group}/robot0_eef_pos"] = np.stack([numbers] * 3, axis=1).astype(float)
        return arrays

    return build


SMALL_LIFT = TaskConfig(image_size=16, horizon=25, collect_kwargs={"start_region": 0.5})


class Still:
    """A policy that lifts nothing."""

    def reset(self):
        pass

    def act(self, observation):
        return np.zeros(4, dtype=np.float32)


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory) -> Path:
    """Eight demonstrations, every other one a failure, with their last frames and states."""
    path = tmp_path_factory.mktemp("data") / "lift.hdf5"
    env = task_env(SMALL_LIFT, collecting=True)
    policies = [make_expert(env, noise=0.0), Still()]
    versions = software_versions()
    with EpisodeWriter(path, env.pixel_spec, versions=versions, next_obs=True) as writer:
        for number in range(8):
            writer.append(rollout(env, policies[number % 2], seed=number, record_states=True))
    env.close()
    return path


@pytest.fixture(scope="session")
def killing() -> Callable[..., object]:
    """with killing(words, once): SIGKILL for our processes with such a word in their command line,
    as soon as `once()` is true. Each word must find one."""

    @contextmanager
    def kill(words: Sequence[str], once: Callable[[], bool]) -> Iterator[None]:
        found: dict[str, list[int]] = {}

        def watch() -> None:
            until = monotonic() + 120
            while not once() and monotonic() < until:
                sleep(0.02)
            running = {process: command_line(process) for process in descendants()}
            for word in words:
                found[word] = [process for process, line in running.items() if word in line]
            for process in chain(*found.values()):
                os.kill(process, signal.SIGKILL)

        watcher = threading.Thread(target=watch)
        watcher.start()
        yield
        watcher.join()
        assert all(found.values()), f"not all of these ran: {found}"

    return kill


def descendants() -> list[int]:
    """Processes that this one, or one of them, has started."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # has ended in between
    found = [os.getpid()]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def command_line(process: int) -> str:
    path = Path(f"/proc/{process}/cmdline")
    return path.read_text() if path.exists() else ""
