"""`calql-vision STAGE key=value ...`: one word per stage, hydra behind each."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from calql_vision import __version__
from calql_vision.cli.signals import handled_by, leave, notes, one_line
from calql_vision.datasets.names import printable

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Stage:
    """Where a stage lives and what it does, in a line."""

    module: str
    config: str  # name of its dataclass
    summary: str


STAGES = {
    name: Stage(f"calql_vision.stages.{name}", f"{name.title()}Config", summary)
    for name, summary in {
        "collect": "scripted demonstrations of a task -> data/<task>.hdf5",
        "convert": "states or other projects' data -> a pixel file in robomimic's layout",
        "inspect": "what is in a data file: terminal page and contact sheet",
        "pretrain": "demonstrations -> an agent, offline",
        "finetune": "the agent goes on online, in the simulator",
        "evaluate": "success rate of a checkpoint on fresh episodes, and a video",
        "experiment": "one cell of a comparison: all of these that are not finished",
        "diagnose": "values against returns: calibration and regret of a run's checkpoints",
        "watch": "a page that follows the runs of a task while they train",
        "export": "a checkpoint's policy for others: safetensors, JSON and a model card",
        "report": "every run of a task -> one HTML page",
        "profile": "where the time of a gradient update goes, on this machine",
        "compare": "the runs of several tasks -> one HTML page",
    }.items()
}
#: The stages whose gradients several processes of torchrun compute.
LEARNERS = ("pretrain", "finetune")


def main() -> None:
    """Entry point of the console script and of `python -m calql_vision`."""
    with handled_by(leave):
        _main()


def _main() -> None:
    # Before torch is imported. By default its threads spin long while they wait for each other,
    # which brings training to a halt as soon as anything else wants a core; without any spinning
    # small networks lose a third of their speed.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    words = sys.argv[1:]
    if words and words[0] in ("-sc", "--shell-completion"):
        return _complete(words)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return None
    if words[0] == "--version":
        print(__version__)
        return None
    if words[0] == "doctor":
        from calql_vision.stages.doctor import run

        sys.exit(run())
    if words[0] not in STAGES:
        sys.exit(f"error: no stage {words[0]!r}; choose one of {', '.join(STAGES)}, doctor")
    if "TORCHELASTIC_RUN_ID" in os.environ and words[0] not in LEARNERS:
        sys.exit(f"error: torchrun is for {' and '.join(LEARNERS)}; call calql-vision {words[0]}")
    return _run_stage(words[0], words[1:])


def _usage() -> str:
    lines = [f"  {name:<10}{stage.summary}" for name, stage in STAGES.items()]
    return "\n".join(
        [
            "usage: calql-vision STAGE [key=value ...]     offline-to-online RL from pixels",
            "",
            *lines,
            "  doctor    versions, rendering and device of this machine, with a verdict",
            "",
            "calql-vision STAGE --help       every key of a stage: meaning, default, choices",
            "calql-vision STAGE -m key=a,b   run all combinations (hydra multirun)",
            'eval "$(calql-vision -sc install=bash)"   shell completion',
        ]
    )


def _run_stage(name: str, words: list[str]) -> None:
    # Imported here: `--help` and completion of stages need no hydra, and hydra takes a moment.
    from calql_vision.cli.configuration import (
        check_overrides,
        explain,
        offer_tasks,
        register,
        with_free_keys,
    )

    stage = STAGES[name]
    module = import_module(stage.module)
    config_class = getattr(module, stage.config)
    register(name, config_class)
    try:
        offer_tasks(words)
        if {"-h", "--help"} & set(words):
            print(explain(name, config_class))
            return
        check_overrides(name, words)
    except ValueError as error:
        sys.exit(f"error: {error}")
    warnings.formatwarning = plain_warning
    _hydra(name, with_free_keys(words), lambda config: _report_errors(name, module.run, config))


_format_warning = warnings.formatwarning


def plain_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """What is meant for people, without the line of code that says it; others as they are."""
    if category is UserWarning:
        return f"warning: {printable(message)}\n"
    return _format_warning(message, category, filename, lineno, line)


def _hydra(name: str, words: list[str], job: Callable[[DictConfig], None]) -> None:
    """Hand the command line to hydra: it composes, overrides and multiruns."""
    import hydra

    sys.argv = [sys.argv[0], *words]
    hydra.main(version_base="1.3", config_path="pkg://calql_vision.configs", config_name=name)(
        job
    )()


def _report_errors(stage: str, run: Callable[[Any], Any], config: DictConfig) -> None:
    """Bad input ends in one sentence and a non-zero exit code, not in a traceback."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from calql_vision.runs.launch import typed

    try:
        words = HydraConfig.get().overrides.task  # of one job, in a multirun as well
        with one_line(), typed(stage, words):
            run(OmegaConf.to_object(config))
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("HYDRA_FULL_ERROR"):
            raise
        sys.exit(printable("; ".join([f"error: {error}", *notes(error)])))
    except MemoryError as error:
        sys.exit(f"error: not enough memory ({error}); ask for less at once")


def _complete(words: list[str]) -> None:
    """hydra completes keys and values; the stage before them is ours to complete."""
    from calql_vision.cli.configuration import register

    typed = os.environ.get("COMP_LINE", "").split(" ")
    if any(word.startswith("query=") for word in words) and len(typed) < 3:
        print(" ".join([*STAGES, "doctor"]))
        return
    name = typed[1] if len(typed) > 2 else "pretrain"
    if name not in STAGES:
        return
    os.environ["COMP_LINE"] = " ".join([typed[0], *typed[2:]])
    stage = STAGES[name]
    register(name, getattr(import_module(stage.module), stage.config))
    _hydra(name, words, lambda config: None)
