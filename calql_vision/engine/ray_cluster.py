"""A Ray cluster: one that runs already, or one of this machine's cores."""

import os
from types import ModuleType
from typing import Any

_STORE = 100_000_000  # bytes of shared memory: containers have little, and little passes through
_SETTINGS = {
    "RAY_worker_niceness": "0",  # Ray's 15 lets workers starve beside anything else
    "RAY_gcs_server_request_timeout_seconds": "300",  # a busy machine takes its time to start it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # as Ray will do anyway, and warns
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
}


def joined_cluster(address: str | None = None, cores: int | None = None) -> ModuleType:
    """Ray itself, once this process belongs to a cluster.

    `address`: of a cluster that runs; None: what RAY_ADDRESS says, else one is started here, with
    `cores` (None: all). Raises RuntimeError where Ray is missing, ValueError where nothing answers.
    """
    for name, value in _SETTINGS.items():  # some are read when Ray is imported
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise RuntimeError(
            "Ray is not installed; pip install '.[ray]', or do without rollouts=ray and "
            "hydra/launcher=ray"
        ) from error
    if not ray.is_initialized():
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address == "local":
            options |= {
                "num_cpus": cores,
                "object_store_memory": _STORE,
                "include_dashboard": False,
            }
        try:
            ray.init(address, **options)
        except ConnectionError as error:
            raise ValueError(f"no Ray cluster answers at {address}: {error}") from error
    return ray
