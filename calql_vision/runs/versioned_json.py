"""JSON files that say in which format they are."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from calql_vision.datasets.whole_file import whole_file

UNNUMBERED = 1  # format of files from before formats were written


class OtherFormatError(ValueError):
    """A file of a format that this program does not read."""


def check_format(path: Path, found: Any, known: Collection[int]) -> None:
    """Raises OtherFormatError unless `found` is one of `known`."""
    if found not in known:
        readable = " and ".join(map(str, known))
        raise OtherFormatError(
            f"{path} is of format {found}, and this calql-vision reads {readable}; "
            "use the version that wrote it, or run its stage again"
        )


def save_json(path: Path, form: int, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps({"format": form, **content}, indent=2) + "\n")


def load_json(path: Path, known: Collection[int]) -> dict[str, Any]:
    """The content without its format. Raises ValueError for what is no JSON object."""
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    check_format(path, content.pop("format", UNNUMBERED), known)
    return content
