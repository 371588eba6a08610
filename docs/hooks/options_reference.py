"""docs/configuration.md lists every option, from the dataclasses that the program reads."""

import inspect
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

from omegaconf import OmegaConf

from calql_vision.agents import AGENTS
from calql_vision.cli import STAGES
from calql_vision.cli.configuration import composed, group_choices, register, rows
from calql_vision.encoders import ENCODERS

_MARKER = "<!-- every option -->"
#: Groups of which every choice has options of its own; they have sections of their own.
_CHOSEN = {"algo": lambda: [AGENTS[name].options for name in AGENTS], "encoder": ENCODERS.values}
Row = tuple[str, str, str]


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace(_MARKER, reference()) if _MARKER in markdown else markdown


def reference() -> str:
    """What a stage is told alone, what stages share, the algorithms, the encoders, the choices."""
    stages = {name: _default(name) for name in STAGES}
    parts = {
        "Stages": [_stage(name, config) for name, config in stages.items()],
        "What stages share": _shared(stages.values()),
        "Algorithms": _classes("algo"),
        "Encoders": _classes("encoder"),
        "What each choice sets": _choices(stages["pretrain"]),
    }
    return "\n".join(f"## {title}\n\n" + "\n".join(found) for title, found in parts.items())


def _default(stage: str) -> Any:
    register(stage, getattr(import_module(STAGES[stage].module), STAGES[stage].config))
    return OmegaConf.to_object(composed(stage, []))


def _stage(name: str, config: Any) -> str:
    groups = [field.name for field in fields(config) if is_dataclass(getattr(config, field.name))]
    also = f" Groups: {', '.join(groups)}." if groups else ""
    own = [row for row in rows(config) if row[0].partition(".")[0] not in groups]
    return _section(f"`{name}`", f"{STAGES[name].summary}.{also}", own)


def _shared(configs: Iterable[Any]) -> list[str]:
    """A section for every group that is the same whatever is chosen."""
    groups: dict[str, Any] = {}
    for config in configs:
        for field in fields(config):
            value = getattr(config, field.name)
            if is_dataclass(value) and field.name not in _CHOSEN:
                groups.setdefault(field.name, value)
    return [
        _section(f"`{name}`", inspect.getdoc(type(group)) or "", rows(type(group)(), f"{name}."))
        for name, group in groups.items()
    ]


def _classes(group: str) -> list[str]:
    """A section for every class of options, those that others inherit first; each option once."""
    sections: dict[type, str] = {}
    for options in _CHOSEN[group]():
        for owner in [base for base in reversed(options.__mro__) if is_dataclass(base)]:
            names = inspect.get_annotations(owner)
            own = [row for row in rows(owner(), f"{group}.") if row[0].split(".")[1] in names]
            text = f"{inspect.getdoc(owner)} {_inherits(owner)}"
            sections.setdefault(owner, _section(_title(group, owner), text, own))
    return list(sections.values())


def _title(group: str, owner: type) -> str:
    name = getattr(owner(), "name", "???")
    return f"`{group}.name={name}`" if name != "???" else f"Every `{group}`: {owner.__name__}"


def _inherits(owner: type) -> str:
    base = owner.__base__
    return f"Besides, all of {base.__name__}." if is_dataclass(base) and base else ""


def _choices(config: Any) -> list[str]:
    """A section for every group with files to choose from, and what each file sets."""
    head = "\n\n| choice | sets |\n|---|---|\n"
    return [
        f"### `{group}=`{head}" + "\n".join(_choice(group, name) for name in names) + "\n"
        for group, names in group_choices(config)
    ]


def _choice(group: str, name: str) -> str:
    """A file's line: what it sets to something else than the dataclass does."""
    chosen = getattr(OmegaConf.to_object(composed("pretrain", [f"{group}={name}"])), group)
    usual = {key: value for key, value, _ in rows(type(chosen)())}
    differing = [f"`{key}={value}`" for key, value, _ in rows(chosen) if usual[key] != value]
    return f"| `{name}` | {' '.join(differing)} |"


def _section(title: str, text: str, table: list[Row]) -> str:
    lines = [
        f"| `{key}` | `{value or 'empty'}` | {_plain(meaning)} |" for key, value, meaning in table
    ]
    head = ["| key | default | meaning |", "|---|---|---|"] if lines else []
    return "\n".join([f"### {title}\n", _plain(text.strip()) + "\n", *head, *lines, ""])


def _plain(text: str) -> str:
    """Text in which Markdown and its extensions find nothing of theirs."""
    return text.translate({ord(sign): f"&#{ord(sign)};" for sign in "|<{*_["})
