"""Dataclasses as hydra's schemas, and the help and the checks that come out of them."""

import difflib
import inspect
from dataclasses import fields, is_dataclass
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from calql_vision.cli import ray_launcher
from calql_vision.cli.search_path import CONFIGS, config_folders, install
from calql_vision.configs.ranges import stated

#: Keys below these are not ours to know: arguments of environments, options of an algorithm.
FREE = ("task.kwargs.", "task.collect_kwargs.", "env_kwargs.", "rename.", "algo.online.options.")

_MERGING = "Error merging override "  # what hydra begins with where a value does not fit
GROUPS = ("task", "algo", "encoder", "scale", "rollouts")  # of YAML files


def register(stage: str, config_class: type) -> None:
    """Make a stage's dataclass known to hydra as schema/<stage>, and where all else lies."""
    ConfigStore.instance().store(group="schema", name=stage, node=config_class)
    install()
    ray_launcher.install()


def offer_tasks(words: list[str]) -> None:
    """Let `task=family/name` stand for `task.name=family/name` where no YAML says more."""
    values = [word.partition("=")[2] for word in words if word.startswith("task=")]
    for choice in ",".join(values).split(","):
        *folders, name = [part for part in choice.split("/") if part] or [""]
        path = f"task/{choice}.yaml"
        if folders and not any((folder / path).is_file() for folder in config_folders()):
            group = "/".join(["task", *folders])
            ConfigStore.instance().store(group=group, name=name, node={"name": choice})


def composed(stage: str, overrides: list[str]) -> DictConfig:
    """The configuration of a stage, as hydra composes it."""
    with initialize_config_module(CONFIGS, version_base="1.3"):
        return compose(stage, overrides=overrides)


def check_overrides(stage: str, words: list[str]) -> None:
    """ValueError for what cannot be read, for a key that the stage does not have, with the valid
    ones, and for a value of another type.

    hydra refuses all of it as well, in several lines, and does not say what would be right.
    """
    overrides = [word for word in words if "=" in word and not word.startswith(("-", "hydra"))]
    parsed = [_parsed(word) for word in overrides]
    plain = [override for override in parsed if not override.is_sweep_override()]
    groups = [override for override in plain if override.key_or_group in GROUPS]
    _check_keys(parsed, _keys(_composed(stage, groups)))
    _composed(stage, plain)


def _parsed(word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException as error:
        key, _, value = word.partition("=")
        raise ValueError(
            f"{word} cannot be read as key=value; if the value has special characters, quote it "
            f"twice: '{key}=\"{value}\"'"
        ) from error


def _composed(stage: str, overrides: list[Override]) -> DictConfig:
    try:
        return composed(stage, with_free_keys([str(each.input_line) for each in overrides]))
    except HydraException as error:
        lines = str(error).splitlines()
        if lines[0].startswith(_MERGING):  # the rest is about omegaconf's own objects
            lines = [f"{lines[0].removeprefix(_MERGING)}:", *lines[1:2]]
        raise ValueError(" ".join(" ".join(lines).split())) from error


def _check_keys(overrides: list[Override], valid: set[str]) -> None:
    for override in overrides:
        key = override.key_or_group
        if override.is_add() or key.startswith(FREE) or key in valid:
            continue
        close = difflib.get_close_matches(key, valid, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise ValueError(f"no key {key!r}; {hint}valid: {', '.join(sorted(valid))}")


def with_free_keys(words: list[str]) -> list[str]:
    """Keys that are not ours to know as hydra takes them: `++` adds what the YAML does not have."""
    return [f"++{word}" if word.startswith(FREE) else word for word in words]


def _keys(config: DictConfig, prefix: str = "") -> set[str]:
    """Dotted names of everything that can be set."""
    found: set[str] = set()
    for key in map(str, config):
        found.add(prefix + key)
        value = None if OmegaConf.is_missing(config, key) else config[key]
        if isinstance(value, DictConfig):
            found |= _keys(value, f"{prefix}{key}.")
    return found


def explain(stage: str, config_class: type) -> str:
    """The help page of a stage: every key with default and meaning, from the dataclasses."""
    config = OmegaConf.to_object(composed(stage, []))
    lines = [f"usage: calql-vision {stage} [key=value ...] [-m key=a,b]", ""]
    lines += [inspect.getdoc(config_class) or "", ""]
    lines += [f"  {key:<34}{value:<22}{meaning}" for key, value, meaning in rows(config)]
    lines += ["", "groups (group=choice replaces all of its keys):"]
    lines += [f"  {group:<10}{', '.join(choices)}" for group, choices in group_choices(config)]
    return "\n".join(line.rstrip() for line in lines)


def group_choices(config: Any) -> list[tuple[str, list[str]]]:
    """The YAML files that each group of a stage offers, those in its folders included."""
    groups = {field.name: _yaml_names(field.name) for field in fields(config)}
    return [(group, names) for group, names in groups.items() if names]


def _yaml_names(group: str) -> list[str]:
    places = [folder / group for folder in config_folders()]
    found = [path.relative_to(place) for place in places for path in place.rglob("*.yaml")]
    return sorted(path.with_suffix("").as_posix() for path in found)


def rows(config: Any, prefix: str = "") -> list[tuple[str, str, str]]:
    """(dotted key, value, meaning) of every field of a dataclass, nested ones included."""
    found = []
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            found += rows(value, f"{prefix}{field.name}.")
        else:
            found.append((prefix + field.name, _shown(value), meaning(type(config), field.name)))
    return found


def _shown(value: Any) -> str:
    """As one would type it on the command line."""
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def meaning(config_class: type, name: str) -> str:
    """What an option means, and the range of a number."""
    text, within = (stated(config_class, name, what) for what in ("meaning", "within"))
    return f"{text}; in {within}" if within else text or ""
