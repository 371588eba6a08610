"""Files of plain values and tensors, as torch writes them, which run no code when they are read."""

from collections.abc import Set
from pathlib import Path
from typing import Any

from calql_vision.datasets.whole_file import whole_file


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all; the same content gives the same bytes."""
    import torch

    # By its path, torch would write the temporary file's name into the archive.
    with whole_file(path) as partial, partial.open("wb") as file:
        torch.save(content, file)


def load_tensors(path: Path, keys: Set[str]) -> dict[str, Any]:
    """On the CPU. Raises ValueError for what is no such file, or lacks one of `keys`."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        torch.serialization.pickle.UnpicklingError,
    ) as error:
        raise ValueError(f"{path} is damaged or no checkpoint; train again") from error
    if not isinstance(content, dict) or not keys <= set(content):
        raise ValueError(f"{path} is damaged or no checkpoint; train again")
    return content
