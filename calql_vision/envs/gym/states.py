"""The complete state of a Gymnasium environment as float64 [S], to be stored and restored."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Protocol

import numpy as np

from calql_vision.envs.gym.registered import Registered
from calql_vision.envs.rendering import load_mujoco

mujoco = load_mujoco()

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_WORD = 2**32


class States(Protocol):
    """How states are read and written."""

    def restarted(self, seed: int) -> None:
        """The environment was reset with this seed."""

    def stepped(self, action: np.ndarray) -> None:
        """The environment made a step."""

    def read(self) -> np.ndarray:
        """Everything that the future depends on, float64 [S]."""

    def write(self, state: np.ndarray) -> None:
        """Inverse of `read`."""


class SimulatorStates:
    """MuJoCo's integration state, and attributes of the environment (see `Known.memory`)."""

    def __init__(self, env: Any, memory: Sequence[str]) -> None:
        self._env, self._memory = env, memory

    def restarted(self, seed: int) -> None: ...

    def stepped(self, action: np.ndarray) -> None: ...

    def read(self) -> np.ndarray:
        model, data = self._env.model, self._env.data
        simulator = np.empty(mujoco.mj_stateSize(model, _STATE))
        mujoco.mj_getState(model, data, simulator, _STATE)
        return np.concatenate([simulator, *map(self._numbers, self._memory)])

    def write(self, state: np.ndarray) -> None:
        model, data = self._env.model, self._env.data
        size = mujoco.mj_stateSize(model, _STATE)
        mujoco.mj_resetData(model, data)
        mujoco.mj_setState(model, data, state[:size], _STATE)
        for path in self._memory:
            width = len(self._numbers(path))
            self._set(path, state[size : size + width])
            size += width

    def _numbers(self, path: str) -> np.ndarray:
        """An attribute as numbers: 32-bit words of a generator, which tasks a collection holds."""
        value = attrgetter(path)(self._env)
        if isinstance(value, np.random.Generator):
            return np.array(_words(value), dtype=np.float64)
        if isinstance(value, set | list):
            return np.array([task in value for task in self._env.goal], dtype=np.float64)
        return np.ravel(np.asarray(value, dtype=np.float64))

    def _set(self, path: str, numbers: np.ndarray) -> None:
        value = attrgetter(path)(self._env)
        if isinstance(value, np.random.Generator):
            _set_words(value, [int(number) for number in numbers])
            return
        if isinstance(value, set | list):
            tasks = zip(self._env.goal, numbers, strict=True)
            restored: Any = type(value)(task for task, held in tasks if held)
        else:
            shape = np.shape(value)
            restored = numbers.reshape(shape).copy() if shape else float(numbers[0])
        owner, _, name = path.rpartition(".")
        setattr(attrgetter(owner)(self._env) if owner else self._env, name, restored)


class ReplayedStates:
    """The seed of the reset and the actions since, which are taken again.

    Right for every environment that is deterministic, whatever it keeps where; restoring costs
    as many steps as have passed, but states of an episode in their order one step each.
    """

    def __init__(self, inner: Registered, horizon: int) -> None:
        self._inner = inner
        self._seed, self._steps = 0, 0
        self._actions = np.zeros((horizon, inner.action_dim))

    def restarted(self, seed: int) -> None:
        self._seed, self._steps = seed, 0

    def stepped(self, action: np.ndarray) -> None:
        self._actions[self._steps] = action
        self._steps += 1

    def read(self) -> np.ndarray:
        taken = np.where(np.arange(len(self._actions)) < self._steps, self._actions.T, 0).T
        return np.concatenate([[self._seed, self._steps], taken.ravel()])

    def write(self, state: np.ndarray) -> None:
        seed, steps = int(state[0]), int(state[1])
        actions = state[2:].reshape(self._actions.shape)[:steps]
        past = self._actions[: self._steps]
        if seed != self._seed or not np.array_equal(actions[: self._steps], past):
            self._inner.restart(seed)
            self.restarted(seed)
        for action in actions[self._steps :]:
            self._inner.advance(action)
            self.stepped(action)


def _words(generator: np.random.Generator) -> list[int]:
    """The state of NumPy's PCG64, as words that a float64 holds exactly, [10]."""
    state = generator.bit_generator.state
    long = [state["state"]["state"], state["state"]["inc"]]
    words = [number // _WORD**place % _WORD for number in long for place in range(4)]
    return [*words, state["has_uint32"], state["uinteger"]]


def _set_words(generator: np.random.Generator, words: list[int]) -> None:
    number, increment = (
        sum(word * _WORD**place for place, word in enumerate(words[start : start + 4]))
        for start in (0, 4)
    )
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": number, "inc": increment},
        "has_uint32": words[8],
        "uinteger": words[9],
    }
