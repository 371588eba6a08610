"""Tables that other people's packages add rows to, by entry points.

A package declares its rows in its own pyproject.toml; docs/extending.md has a recipe for each:

    [project.entry-points."calql_vision.algorithms"]
    my_method = "my_package.my_method:ALGORITHM"
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

Row = TypeVar("Row")
#: What other people's code may raise while it is imported.
_IMPORT_FAILURES = (
    ImportError, SyntaxError, AttributeError, NameError, TypeError, ValueError, LookupError,
    OSError, RuntimeError,
)  # fmt: skip


class Table(Mapping[str, Row]):
    """Name -> row: our own, and those that installed packages declare under `group`.

    A package is imported when its row is asked for, not before. Asking for one raises ValueError,
    with the package's name, where it cannot be imported or is no `kind`, and where two declare
    the same name.
    """

    def __init__(self, group: str, ours: Mapping[str, Row], kind: type | tuple[str, ...]):
        """`kind` is the type of every row, or the names that it must have."""
        self.group, self.ours, self._kind = group, ours, kind

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.ours, *(entry.name for entry in declared(self.group))]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __getitem__(self, name: str) -> Row:
        entries = [entry for entry in declared(self.group) if entry.name == name]
        owners = ["calql-vision"] * (name in self.ours) + [_package(entry) for entry in entries]
        if len(owners) > 1:
            raise ValueError(
                f"{' and '.join(owners)} both have {name!r} among {self.group}; "
                f"uninstall {owners[-1]}, or give it another name there"
            )
        if name in self.ours:
            return self.ours[name]
        if not entries:
            raise KeyError(name)
        return self._load(entries[0])

    def foreign(self) -> list[str]:
        """Names that other packages declare; nothing is imported."""
        return [name for name in self if name not in self.ours]

    def _load(self, entry: EntryPoint) -> Row:
        where = f"{_package(entry)}, which adds {entry.name!r} to {self.group} ({entry.value}),"
        try:
            row = entry.load()
        except _IMPORT_FAILURES as error:
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"{where} cannot be imported: {what}; repair it") from error
        if not _is(row, self._kind):
            raise ValueError(f"{where} is {row!r}, not {_described(self._kind)}")
        return row


@cache
def declared(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group, of every installed package."""
    return tuple(entry_points(group=group))


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name}" if entry.dist else "a package"


def _is(row: Any, kind: type | tuple[str, ...]) -> bool:
    if isinstance(kind, tuple):
        return all(hasattr(row, name) for name in kind)
    return isinstance(row, kind) or (isinstance(row, type) and issubclass(row, kind))


def _described(kind: type | tuple[str, ...]) -> str:
    return f"something with {', '.join(kind)}" if isinstance(kind, tuple) else kind.__name__
