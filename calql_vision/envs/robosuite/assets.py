"""What a model of a stranger may ask for: MJCF can include any file, and be of any size."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

#: What takes in other files, or multiplies.
_NEVER = ("include", "plugin", "model", "composite", "flexcomp", "replicate")
#: Numbers that MuJoCo allocates by.
_SIZES = {
    "hfield": ("nrow", "ncol"),
    "texture": ("width", "height"),
    "size": ("njmax", "nconmax", "nstack", "memory"),
}
_LARGEST = 8192


def check_model(xml: str, home: Path) -> None:
    """Raises ValueError for a model that includes others, names files outside of `home`, is huge.

    Paths are absolute, as robosuite writes them; then MuJoCo ignores `meshdir` and its like.
    """
    for element in ElementTree.fromstring(xml).iter():
        if element.tag in _NEVER:
            raise ValueError(f"it has <{element.tag}>, which robosuite never writes")
        for name in _named_files(element):
            path = Path(name)
            if not path.is_absolute() or not path.resolve().is_relative_to(home.resolve()):
                raise ValueError(f"it names the file {name!r}, which is not robosuite's")
        for key in _SIZES.get(element.tag, ()):
            size = element.get(key, "0")
            if not (size.isascii() and size.isdigit() and len(size) < 9 and int(size) <= _LARGEST):
                raise ValueError(f"it claims {element.tag} {key}={size[:20]!r}, beyond {_LARGEST}")


def _named_files(element: ElementTree.Element) -> Iterator[str]:
    """`file`, and `fileright` and the like of a texture."""
    yield from (value for key, value in element.attrib.items() if key.startswith("file"))
