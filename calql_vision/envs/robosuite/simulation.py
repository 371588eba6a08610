"""One robosuite environment as a simulator: episodes from seeds, complete states, other models."""

from __future__ import annotations

import logging
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np

from calql_vision.envs.rendering import load_mujoco
from calql_vision.envs.robosuite import older_models
from calql_vision.envs.robosuite.assets import check_model

mujoco = load_mujoco()  # before robosuite, which would settle MUJOCO_GL by itself

#: What robosuite would render, observe, shape and end by itself; all of it is done here instead.
_BARE = {
    "has_renderer": False,
    "has_offscreen_renderer": False,
    "renderer": "mujoco",
    "use_camera_obs": False,
    "use_object_obs": False,
    "reward_shaping": False,
    "ignore_done": True,
    "hard_reset": False,
    "seed": 0,  # of the model itself, the sizes of its objects: the same in every environment
}
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
#: What robosuite and MuJoCo raise for a model that is not theirs.
_UNFIT = (
    ValueError, KeyError, AttributeError, TypeError, IndexError, ElementTree.ParseError,
    mujoco.FatalError,
)  # fmt: skip
#: What robosuite says on every import and every reset, whatever one does.
_REMARKS = ("private macro file", "setup_macros", "robosuite_models", "whole-body IK")


def load_robosuite() -> Any:
    """robosuite without its remarks. RuntimeError where it is not installed."""
    logging.getLogger("robosuite_logs").addFilter(_matters)
    try:
        import robosuite
    except ImportError as error:
        raise RuntimeError(
            f'robosuite cannot be imported ({error}); pip install "calql-vision[robosuite]"'
        ) from error
    return robosuite


def _matters(record: logging.LogRecord) -> bool:
    remark = any(words in record.getMessage() for words in _REMARKS)
    return record.levelno >= logging.WARNING and not remark


robosuite = load_robosuite()
_HOME = str(Path(robosuite.__file__).parent)


class Simulation:
    """robosuite's environment of one task for one arm, with soft resets.

    A state begins with what robosuite flattens (time, qpos, qvel) and goes on with the rest that
    the future depends on: MuJoCo's controls, mocap poses and warm start, where bodies stand that
    have no joints (`Door` moves its door), and what arm controller and gripper remember. This is
    complete for robosuite's OSC, joint position and joint torque controllers without
    interpolation. Raises ValueError for arguments that robosuite refuses.
    """

    def __init__(self, task: str, arguments: dict[str, Any]) -> None:
        _check_arguments(task, arguments)
        try:
            self.env = robosuite.make(task, **arguments, **_BARE)
        except (TypeError, ValueError, AssertionError, KeyError) as error:
            raise ValueError(f"robosuite/{task} cannot be made: {error!r}") from error
        if len(self.env.robots) != 1 or len(self.env.robots[0].arms) != 1:
            raise ValueError(f"robosuite/{task} has more than one arm; choose a task for one")
        self.robot = self.env.robots[0]
        self._own_xml = self._xml = self.env.model.get_xml()
        self._remember_model()
        self.start(seed=0)

    # Episodes ---------------------------------------------------------------------------------

    def start(self, seed: int) -> None:
        """The episode of `seed`, whatever came before."""
        if self._xml != self._own_xml:
            self.load_model(self._own_xml)
        # In place: the placement samplers hold the same generator.
        self.env.rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        self.env.reset()
        self._set_memory(*self._memory())
        self.update_poses()

    def advance(self, action: np.ndarray) -> None:
        """One control step of the task's frequency."""
        self.env.step(action)
        self.update_poses()

    def is_success(self) -> bool:
        """Whether the task is solved now."""
        return bool(self.env._check_success())

    @property
    def steps(self) -> int:
        """Since the start. The clock is part of the state, so a restored state knows its step."""
        substeps = int(self.env.control_timestep / self.env.model_timestep)
        return round(self.data.time / (substeps * self.env.model_timestep))

    # States -----------------------------------------------------------------------------------

    @property
    def model(self) -> Any:
        """MuJoCo's own model, a new one after `load_model`."""
        return self.env.sim.model._model

    @property
    def data(self) -> Any:
        """MuJoCo's own data."""
        return self.env.sim.data._data

    def get_state(self) -> np.ndarray:
        """Everything that the future depends on, float64 [S]."""
        mujoco_state = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, mujoco_state, _STATE)
        fixed = self._fixed
        places = (self.model.body_pos[fixed].ravel(), self.model.body_quat[fixed].ravel())
        return np.concatenate([mujoco_state, *places, *self._memory()])

    def set_state(self, state: np.ndarray) -> None:
        """Restore `get_state`'s state, or one of time, qpos, qvel alone, as robomimic's files have.

        Those begin with a relaxed gripper at the arm's nominal pose, as far as the controllers
        remember. Raises ValueError for a state of another model.
        """
        state = np.asarray(state, dtype=np.float64)
        whole, flat = len(self.get_state()), 1 + self.model.nq + self.model.nv
        if state.shape not in ((whole,), (flat,)):
            raise ValueError(
                f"state has shape {state.shape}; {type(self.env).__name__} takes ({whole},), "
                f"or robosuite's ({flat},): time, qpos, qvel"
            )
        self.env.sim.reset()
        if len(state) == flat:
            self.env.sim.set_state_from_flattened(state)
            self._set_memory(np.array(self.robot.init_qpos), np.zeros_like(self._memory()[1]))
        else:
            self._set_all(state)
        self.update_poses()

    def _set_all(self, state: np.ndarray) -> None:
        count, joints = len(self._fixed), len(self._memory()[0])
        sizes = (mujoco.mj_stateSize(self.model, _STATE), 3 * count, 4 * count, joints)
        mujoco_state, positions, rotations, arm, grip = np.split(state, np.cumsum(sizes))
        mujoco.mj_setState(self.model, self.data, mujoco_state, _STATE)
        self.model.body_pos[self._fixed] = positions.reshape(count, 3)
        self.model.body_quat[self._fixed] = rotations.reshape(count, 4)
        self._set_memory(arm, grip)

    def update_poses(self) -> None:
        """After a step, poses still are those of before it. The warm start stays untouched."""
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def update_contacts(self) -> None:
        """For a restored state: some tasks ask what touches what. The warm start stays as it is."""
        mujoco.mj_collision(self.model, self.data)

    # What the controllers remember: everything else they compute anew at every step.

    @property
    def _arm(self) -> str:
        return self.robot.arms[0]

    def _memory(self) -> tuple[np.ndarray, np.ndarray]:
        """The arm's pose that the null space pulls to, and how far the gripper is told to close."""
        gripper = self.robot.gripper[self._arm]
        grip = np.zeros(len(gripper.actuators)) + gripper.current_action  # one number at first
        return self.robot.part_controllers[self._arm].initial_joint, grip

    def _set_memory(self, initial_joint: np.ndarray, grip: np.ndarray) -> None:
        self.robot.gripper[self._arm].current_action = grip
        for controller in self.robot.part_controllers.values():
            controller.new_update = True  # what was computed for another state is worth nothing
        self.robot.part_controllers[self._arm].initial_joint = initial_joint

    # Models -----------------------------------------------------------------------------------

    def load_model(self, xml: str) -> None:
        """Go on in another model of the task, such as a demo's `model_file` from any machine.

        Meshes are those of the installed robosuite, and no other file is read. A model of before
        1.5 cannot be loaded: the task's own takes its place, with a warning, if it has the same
        joints. A state should follow; the next `start` returns to the task's own model. Raises
        ValueError for a model that does not fit.
        """
        if xml == self._xml:
            return
        try:
            load = self._load_older if older_models.fits(xml, self._own_xml) else self._load
            load(xml)
        except _UNFIT as error:
            self._load(self._own_xml)
            raise ValueError(
                f"the model does not fit {type(self.env).__name__} of robosuite "
                f"{robosuite.__version__} ({str(error).partition(' Available')[0]})"
            ) from error

    def _load_older(self, xml: str) -> None:
        """The task's own model with its bodies where the older one puts them."""
        warnings.warn(
            f"the model is of a robosuite before 1.5; {robosuite.__version__}'s own stands in for "
            "it, whose joints are the same: sizes of objects and colours may differ slightly",
            stacklevel=2,
        )
        self._load(self._own_xml)
        for name, (position, rotation) in older_models.places(xml).items():
            if name in self._fixed_names:
                self.model.body(name).pos, self.model.body(name).quat = position, rotation
        self._xml = xml
        self._remember_model()

    def _load(self, xml: str) -> None:
        installed = self.env.edit_model_xml(xml)
        check_model(installed, Path(_HOME))
        self.env.reset_from_xml_string(installed)
        self._xml = xml
        self._remember_model()

    def _remember_model(self) -> None:
        """Which bodies have no joints, and where the model puts them."""
        top_level, jointless = self.model.body_parentid == 0, self.model.body_dofnum == 0
        self._fixed = np.flatnonzero(top_level & jointless)[1:]  # 0 is the world itself
        self._places = self._current_places()

    @property
    def _fixed_names(self) -> list[str]:
        return [self.model.body(index).name for index in self._fixed]

    def _current_places(self) -> np.ndarray:
        return np.hstack([self.model.body_pos[self._fixed], self.model.body_quat[self._fixed]])

    def model_xml(self) -> str:
        """The model as it stands, MJCF with paths that begin at robosuite's folder.

        robosuite's own `get_xml` would give the model that was compiled last in this process,
        which may be another environment's.
        """
        xml = self._xml.replace(f"{_HOME}/", "robosuite/")
        current = self._current_places()
        moved = np.flatnonzero((current != self._places).any(axis=1))
        if len(moved) == 0:
            return xml
        tree = ElementTree.fromstring(xml)
        for row in moved:
            name = self._fixed_names[row]
            body = tree.find(f"worldbody/body[@name='{name}']")
            assert body is not None, name
            body.set("pos", _numbers(current[row, :3]))
            body.set("quat", _numbers(current[row, 3:]))
        return ElementTree.tostring(tree, encoding="unicode")

    def close(self) -> None:
        """Free the simulator; again is harmless."""
        self.env.close()


def _numbers(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in values)


def _check_arguments(task: str, arguments: dict[str, Any]) -> None:
    taken = sorted(_BARE.keys() & arguments)
    if taken:
        raise ValueError(f"robosuite/{task} does not take {', '.join(taken)}; leave it out")
