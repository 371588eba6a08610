"""What a robot in a MuJoCo model knows of itself: its driven joints, and places on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from calql_vision.envs.gym.registered import Registered
from calql_vision.envs.rendering import load_mujoco

if TYPE_CHECKING:
    import mujoco
else:
    mujoco = load_mujoco()

#: Numbers per joint, by its type: free, ball, slide, hinge.
_WIDTHS = (7, 4, 1, 1)


class Proprioception:
    """Positions of `joints` and of `sites`, read from the simulator.

    Not slices of the environment's own observation: that holds the objects' poses, too, which a
    policy from pixels is to see, and sometimes noise. By default the joints are those that
    actuators drive: no object has one. Raises ValueError for a name that the model does not have.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        joints: Sequence[str] | None,
        sites: Sequence[str],
    ) -> None:
        self._data = data
        chosen = driven(model) if joints is None else [_id(model, "jnt", j) for j in joints]
        places = [model.jnt_qposadr[j] + np.arange(_WIDTHS[model.jnt_type[j]]) for j in chosen]
        self._positions = np.concatenate([np.zeros(0, dtype=int), *places])
        self._sites = [_id(model, "site", site) for site in sites]
        widths = {
            "robot0_eef_pos": 3 * len(self._sites),
            "robot0_joint_pos": len(self._positions),
        }
        self.widths = {name: width for name, width in widths.items() if width}

    def read(self) -> np.ndarray:
        """Float32 [P]: sites [3] each, in metres, then joints in metres and radians."""
        sites = self._data.site_xpos[self._sites].ravel()
        return np.concatenate([sites, self._data.qpos[self._positions]]).astype(np.float32)


class NoProprioception:
    """Where there is no simulator to ask."""

    widths: ClassVar[dict[str, int]] = {}

    def read(self) -> np.ndarray:
        return np.zeros(0, dtype=np.float32)


def proprioception(
    inner: Registered, joints: Sequence[str] | None, sites: Sequence[str]
) -> Proprioception | NoProprioception:
    """What the robot of an environment knows of itself; nothing where it is not MuJoCo's."""
    if inner.simulated:
        return Proprioception(inner.env.model, inner.env.data, joints, sites)
    if joints or sites:
        raise ValueError(f"joints={joints}, sites={sites}: {inner.task} has no MuJoCo model")
    return NoProprioception()


def driven(model: mujoco.MjModel) -> list[int]:
    """The joints that have an actuator, in the model's order."""
    on_joint = model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
    return sorted({int(joint) for joint in model.actuator_trnid[on_joint, 0]})


def _id(model: mujoco.MjModel, kind: str, name: str) -> int:
    kinds = {"jnt": mujoco.mjtObj.mjOBJ_JOINT, "site": mujoco.mjtObj.mjOBJ_SITE}
    found = mujoco.mj_name2id(model, kinds[kind], name)
    if found < 0:
        count = {"jnt": model.njnt, "site": model.nsite}[kind]
        names = (mujoco.mj_id2name(model, kinds[kind], i) for i in range(count))
        valid = ", ".join(name for name in names if name)
        raise ValueError(f"no {'joint' if kind == 'jnt' else kind} {name!r}; the model has {valid}")
    return found
