"""Which files a model may name: MJCF can include any file of the machine that reads it."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path


def check_files(xml: str, home: Path) -> None:
    """Raises ValueError for a model that includes, or names a file outside of `home`.

    Paths are absolute, as robosuite writes them; then MuJoCo ignores `meshdir` and its like.
    """
    for element in ElementTree.fromstring(xml).iter():
        if element.tag in ("include", "plugin", "model"):
            raise ValueError(f"it has <{element.tag}>, which robosuite never writes")
        for name in _named_files(element):
            path = Path(name)
            if not path.is_absolute() or not path.resolve().is_relative_to(home.resolve()):
                raise ValueError(f"it names the file {name!r}, which is not robosuite's")


def _named_files(element: ElementTree.Element) -> Iterator[str]:
    """`file`, and `fileright` and the like of a texture."""
    yield from (value for key, value in element.attrib.items() if key.startswith("file"))
