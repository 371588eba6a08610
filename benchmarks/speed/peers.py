"""Other projects' updates, each in an environment of its own: `make bench-peers` installs them."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent.parent / "peers"
ENVIRONMENTS = Path(".bench")


class Peer:
    """A process that runs so many updates when it is told a number, and says when it has."""

    def __init__(self, name: str, sizes: dict[str, Any]):
        """Raises RuntimeError, with the last line of what it said, where it does not start."""
        python = ENVIRONMENTS / name / "bin/python"
        if not python.exists():
            raise RuntimeError("not installed: make bench-peers")
        command = [str(python.absolute()), str(SCRIPTS / f"{name}_update.py"), json.dumps(sizes)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=ENVIRONMENTS,
        )  # fmt: skip
        self.version = self._answer()

    def update(self, count: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        """The next line that is meant for us; the peer's own chatter is passed over."""
        assert self._process.stdout is not None
        said = "it said nothing"
        for line in self._process.stdout:
            if line.startswith("peer: "):
                return line.removeprefix("peer: ").strip()
            said = line.strip() or said
        raise RuntimeError(said)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def peers(names: list[str], sizes: dict[str, Any]) -> Iterator[tuple[dict[str, Peer], list[str]]]:
    """Those that start, by name and version; and a sentence for each that does not."""
    found: dict[str, Peer] = {}
    missing = []
    for name in names:
        try:
            peer = Peer(name, sizes)
            found[f"{name} {peer.version}"] = peer
        except RuntimeError as error:
            missing.append(f"{name} was not measured ({error}).")
    try:
        yield found, missing
    finally:
        for peer in found.values():
            peer.close()
