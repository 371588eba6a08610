"""Offline-to-online reinforcement learning from pixels for robot manipulation."""

from pathlib import Path

__version__ = "0.1.0"

# In a checkout `encoders/`, `datasets/` and `configs/` stand beside this package, in a wheel
# inside it. Appending the checkout's root lets `calql_vision.datasets` be found in both.
_root = Path(__file__).resolve().parent.parent
if not (Path(__file__).parent / "encoders").is_dir() and (_root / "encoders").is_dir():
    __path__.append(str(_root))
