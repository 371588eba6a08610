"""Are two runs the same, by their options?"""

from collections.abc import Collection, Iterator
from typing import Any

#: Options that may differ between the parts of a run: they change neither weights nor metrics.
MAY_DIFFER = {
    "threads", "device", "compile", "output", "overwrite", "wandb", "preflight", "checkpoint_every",
    "data.memory_budget", "data.frame_store", "data.gpu_budget",
    "rollouts.engine", "rollouts.workers", "rollouts.address",
}  # fmt: skip


def differing_options(
    then: dict[str, Any], now: dict[str, Any], besides: Collection[str] = ()
) -> list[str]:
    """Of two configurations what is not the same, and neither in MAY_DIFFER nor in `besides`."""
    before, after = dict(_leaves(then, "")), dict(_leaves(now, ""))
    return [
        f"{key}={before.get(key)} instead of {after.get(key)}"
        for key in {**before, **after}
        if key not in MAY_DIFFER and key not in besides and before.get(key) != after.get(key)
    ]


def _leaves(config: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
