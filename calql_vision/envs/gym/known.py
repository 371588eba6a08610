"""What is known of families of Gymnasium ids: good cameras, and what their future depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Known:
    """A family of ids.

    `memory` names the attributes on which, besides the simulator's state, the future depends.
    None: nobody has looked, and states are the actions since the reset, replayed.
    """

    cameras: tuple[str, ...] | None = None  # None: the viewer's own
    free_camera: Mapping[str, Any] = field(default_factory=dict)  # changes of the viewer's own
    sites: tuple[str, ...] = ()  # whose positions are proprioception, besides actuated joints
    success: str | None = None  # see `GymEnv`
    memory: tuple[str, ...] | None = None


#: What resets change in a model: where bodies and marks stand.
_MODEL = ("model.body_pos", "model.body_quat", "model.site_pos")

#: Beginning of the id -> what is known.
KNOWN = {
    # The arm hangs on a mocap body and has no actuators: the gripper's place says where it is.
    # The viewer's own camera is 2.5 m away; from the side and near, one sees heights.
    "Fetch": Known(
        cameras=("external_camera_0", "free"),
        free_camera={"distance": 1.2, "azimuth": 90.0, "elevation": -12.0},
        sites=("robot0:grip",),
        memory=(*_MODEL, "goal"),
    ),
    "AdroitHandPen": Known(
        cameras=("fixed", "vil_camera"), memory=(*_MODEL, "pen_length", "tar_length")
    ),
    "AdroitHand": Known(cameras=("fixed", "vil_camera"), memory=_MODEL),
    # The controller starts from the last noisy reading of the joints, so the noise matters.
    "FrankaKitchen": Known(
        success="terminated",
        memory=(
            "robot_env._last_robot_qpos",
            "robot_env.np_random",
            "tasks_to_complete",
            "episode_task_completions",
        ),
    ),
}


def known(task: str) -> Known:
    """What is known of an id; nothing of most."""
    return next((what for prefix, what in KNOWN.items() if task.startswith(prefix)), Known())
