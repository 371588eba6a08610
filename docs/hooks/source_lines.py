"""Pages quote the program as it is.

In a code block `source: calql_vision.agents.cal_ql.calibrate` is a function's or a class's lines,
`file: "examples/act.py"` a whole file. A name that is gone stops the build, so that no page shows
lines that are no longer there.
"""

import inspect
import re
import shutil
import textwrap
import tomllib
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mkdocs.plugins import event_priority

_ROOT = Path(__file__).parent.parent.parent
_QUOTE = re.compile(r"^source: (calql_vision[\w.]*)$", re.MULTILINE)
_FILE = re.compile(r'^file: "(\S+)"$', re.MULTILINE)


@event_priority(100)  # before mkdocstrings reads its paths
def on_config(config: Any) -> Any:
    """Show mkdocstrings the package as it is installed, its three mapped folders inside it."""
    layout = TemporaryDirectory()
    setuptools = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package, folder in setuptools["package-dir"].items():
        place = Path(layout.name, *package.split("."))
        shutil.copytree(_ROOT / folder, place, ignore=shutil.ignore_patterns("__pycache__"))
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [layout.name]
    config.extra["layout"] = layout  # removed when the configuration is
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    markdown = _QUOTE.sub(lambda found: source(found[1]), markdown)
    return _FILE.sub(lambda found: (_ROOT / found[1]).read_text().rstrip(), markdown)


def source(name: str) -> str:
    """The lines of a function, method or class. Raises ValueError for a name that is not there."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        found = attrgetter(".".join(parts[cut:]))(module)
        return textwrap.dedent(inspect.getsource(found)).rstrip()
    raise ValueError(f"{name} is no name of the program")
