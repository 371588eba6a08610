"""robosuite's arguments, as a file of any version states them, for the version installed."""

from __future__ import annotations

import warnings
from typing import Any

#: What is seen, rewarded and randomised is this family's own choice.
IGNORED = frozenset(
    {
        "has_renderer", "has_offscreen_renderer", "renderer", "renderer_config", "render_camera",
        "render_gpu_device_id", "render_collision_mesh", "render_visual_mesh", "use_camera_obs",
        "use_object_obs", "camera_names", "camera_heights", "camera_widths", "camera_depths",
        "camera_segmentations", "reward_shaping", "reward_scale", "horizon", "ignore_done",
        "hard_reset", "seed",
    }
)  # fmt: skip
#: What robosuite 1.2 called otherwise than 1.5 does.
_RENAMED = {"damping": "damping_ratio", "damping_limits": "damping_ratio_limits"}
_WHAT_DIFFERS = (
    "dynamics, controllers, textures and the models' names may differ, so that recorded actions "
    "replayed here, or a policy trained on the file, can fail"
)


def current_arguments(
    kwargs: dict[str, Any], env_version: str | None, installed: str
) -> dict[str, Any]:
    """`kwargs` as the installed robosuite takes them.

    Warns if `env_version`, of the robosuite that they are for, is another than `installed`.
    Raises ValueError for absolute actions.
    """
    kwargs = {name: value for name, value in kwargs.items() if name not in IGNORED}
    if env_version not in (None, installed):
        warnings.warn(
            f"recorded with robosuite {env_version} but {installed} is installed: {_WHAT_DIFFERS}",
            stacklevel=2,
        )
    if env_version is not None and _minor(env_version) < (1, 5):
        kwargs.setdefault("lite_physics", False)  # how 1.4 and older stepped
    if kwargs.get("controller_configs"):
        kwargs["controller_configs"] = composite_controller(kwargs["controller_configs"])
    return kwargs


def composite_controller(config: dict[str, Any]) -> dict[str, Any]:
    """A controller's configuration as robosuite 1.5 takes it.

    1.2 to 1.4 had one flat dict for the arm, whose goals were in the world's frame; 1.5 has one
    per body part, whose goals are in the base's unless told otherwise. (robosuite translates too,
    but keeps the old names and changes the frame.)
    """
    if "body_parts" not in config:
        config = {"type": "BASIC", "body_parts": {"right": _arm(config)}}
    parts = dict(config["body_parts"])
    parts = parts.pop("arms", {}) | parts
    if any(part.get("input_type") == "absolute" for part in parts.values()):
        raise ValueError(
            "the controller takes absolute goals, but actions are in [-1, 1] here; "
            "use a file with delta actions"
        )
    return config | {"body_parts": parts}


def _arm(flat: dict[str, Any]) -> dict[str, Any]:
    arm = {_RENAMED.get(name, name): value for name, value in flat.items()}
    delta = arm.pop("control_delta", True)
    new = {"input_type": "delta" if delta else "absolute", "input_ref_frame": "world"}
    return {"interpolation": None} | arm | new | {"gripper": {"type": "GRIP"}}


def _minor(version: str) -> tuple[int, ...]:
    """(1, 4) of 1.4.1; what is no version counts as new."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if all(map(str.isdigit, parts)) else (99,)
