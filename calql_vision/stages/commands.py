"""The command lines that make runs again, from the configurations they have left behind."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from calql_vision.analysis.results import TRAINING_STAGES, Results, Run
from calql_vision.cli.configuration import FREE, composed, group_choices, register
from calql_vision.stages.collect import CollectConfig
from calql_vision.stages.diagnose import DiagnoseConfig
from calql_vision.stages.evaluate import EvaluateConfig
from calql_vision.stages.finetune import FinetuneConfig
from calql_vision.stages.pretrain import PretrainConfig

_CONFIGS = {
    "collect": CollectConfig,
    "pretrain": PretrainConfig,
    "finetune": FinetuneConfig,
    "evaluate": EvaluateConfig,
    "diagnose": DiagnoseConfig,
}
_NO_MATTER = ("overwrite", "wandb")  # they change nothing about the result


def reproduction(results: Results) -> list[str]:
    """One command per stage that left something; runs without a config.yaml have none."""
    defaults = _Defaults()
    collected = [
        defaults.command("collect", {"task": config["task"], "scale": config["scale"]})
        for run in results.runs
        for config in run.configs.values()
        if config["data"]["path"] is None
    ]
    rest = [command for run in results.runs for command in _commands(run, defaults)]
    return list(dict.fromkeys([*collected, *rest]))


def _commands(run: Run, defaults: "_Defaults") -> Iterator[str]:
    for stage in TRAINING_STAGES:
        if stage in run.configs:
            yield defaults.command(stage, run.configs[stage])
    for stage, count in run.evaluated.items():
        if stage in run.configs:
            config = {key: run.configs[stage][key] for key in ("task", "algo", "scale", "seed")}
            config |= {"stage": stage, "episodes": count.episodes}
            yield defaults.command("evaluate", config)
    if run.diagnosis and run.configs:
        last = list(run.configs.values())[-1]
        config = {key: last[key] for key in ("task", "algo", "scale", "seed")}
        facts = run.diagnosis.facts
        config |= {key: facts[key] for key in ("episodes", "samples", "filter_key") if key in facts}
        yield defaults.command("diagnose", config)


class _Defaults:
    """What the stages do when nothing but groups is chosen; composed once for every choice."""

    def __init__(self) -> None:
        self._composed: dict[tuple[str, ...], dict[str, Any]] = {}
        for stage, config_class in _CONFIGS.items():
            register(stage, config_class)

    def command(self, stage: str, config: dict[str, Any]) -> str:
        """The shortest command whose configuration is `config`."""
        wanted = dict(_flat(config))
        choices = [
            min((f"{group}={name}" for name in names), key=lambda c: self._misses(wanted, c))
            for group, names in group_choices(_CONFIGS[stage]())
        ]
        default = self._flat(stage, *choices)
        words = [
            f"{'' if key in default else '++'}{key}={_text(value)}"
            for key, value in wanted.items()
            if key not in _NO_MATTER
            and (default[key] != value if key in default else key.startswith(FREE))
        ]
        return shlex.join(["calql-vision", stage, *choices, *words])

    def _misses(self, wanted: dict[str, Any], choice: str) -> int:
        """How many keys of its group a choice would get wrong."""
        group, _, _ = choice.partition("=")
        default = self._flat("pretrain", choice)
        return sum(
            wanted.get(key) != value
            for key, value in default.items()
            if key.startswith(f"{group}.")
        )

    def _flat(self, stage: str, *choices: str) -> dict[str, Any]:
        key = (stage, *choices)
        if key not in self._composed:
            # hydra refuses to compose while it runs a stage, and the report is a stage.
            GlobalHydra.instance().clear()
            container = OmegaConf.to_container(composed(stage, list(choices)))
            self._composed[key] = dict(_flat(container))
        return self._composed[key]


def _flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value)."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    """A value as hydra reads it on a command line."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str) and not re.fullmatch(r"[\w./:-]+", value):
        return json.dumps(value)
    return str(value)
