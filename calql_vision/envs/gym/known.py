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
    joints: tuple[str, ...] | None = None  # that are proprioception; None: those with an actuator
    sites: tuple[str, ...] = ()  # whose positions are proprioception as well
    success: str | None = None  # see `GymEnv`
    memory: tuple[str, ...] | None = None


#: What resets change in a model: where bodies and marks stand.
_MODEL = ("model.body_pos", "model.body_quat", "model.site_pos")

#: OGBench's UR5e, whose gripper is driven by a tendon.
_UR5E = Known(
    cameras=("front_pixels",),
    joints=(
        *(f"ur5e/{name}_joint" for name in ("shoulder_pan", "shoulder_lift", "elbow")),
        *(f"ur5e/wrist_{number}_joint" for number in (1, 2, 3)),
        "ur5e/robotiq/right_driver_joint",
    ),
    sites=("ur5e/robotiq/pinch",),
)

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
    # Its corner cameras hang upside down.
    "Meta-World": Known(
        cameras=("free", "gripperPOV"),
        free_camera={
            "lookat": (0.0, 0.6, 0.1),
            "distance": 1.3,
            "azimuth": 135.0,
            "elevation": -30.0,
        },
        sites=("endEffector",),
    ),
    "cube": _UR5E,
    "scene": _UR5E,
    "puzzle": _UR5E,
}


def known(task: str) -> Known:
    """What is known of an id; nothing of most."""
    return next((what for prefix, what in KNOWN.items() if task.startswith(prefix)), Known())
