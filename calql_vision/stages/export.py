"""A trained policy for others: weights without pickle, facts, and a card that says how good."""

from dataclasses import dataclass
from pathlib import Path

import torch

from calql_vision.configs import option
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.exported import ExportedAgent
from calql_vision.figures.demonstrations import read_demonstrations
from calql_vision.figures.pages import page
from calql_vision.runs.exported import FACTS
from calql_vision.runs.layout import RunFolder
from calql_vision.runs.output import EXPORTED, check_folder, is_exported
from calql_vision.runs.record import Run, read_run


@dataclass
class ExportConfig:
    """A folder that acts: policy.safetensors, policy.json and README.md, the model card."""

    checkpoint: str = option("", "a run's checkpoint.pt")
    output: str = option("", "folder to write")
    overwrite: bool = option(False, "replace what was exported there")


def run(config: ExportConfig) -> Path:
    """Write the folder; returns its path.

    The card takes success, commands and demonstrations from the checkpoint's run and data where
    they still are. Raises ValueError where a word is missing or the folder holds a policy.
    """
    source, folder = _places(config)
    checkpoint = Checkpoint.load(source)
    found = ExportedAgent.of(checkpoint.build(torch.device("cpu")), checkpoint)
    run, _ = read_run(RunFolder(source.parent.parent))
    found.save(folder, _card(found, run, folder))
    print(f"export: {folder}, {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.2f} MB")
    return folder


def _places(config: ExportConfig) -> tuple[Path, Path]:
    for key in ("checkpoint", "output"):
        if not getattr(config, key):
            raise ValueError(
                f"{key} is missing; calql-vision export "
                "checkpoint=runs/.../finetune/checkpoint.pt output=folder"
            )
    folder = Path(config.output)
    check_folder(folder, EXPORTED, is_exported)
    if (folder / FACTS).exists() and not config.overwrite:
        raise ValueError(f"{folder} holds a policy; set overwrite=true to replace it")
    return Path(config.checkpoint), folder


def _card(found: ExportedAgent, run: Run, folder: Path) -> str:
    evaluated = run.evaluations.get(found.stage)
    data = found.config.data_path
    known = read_demonstrations(data, found.config.task.discount) if data.is_file() else None
    collected = [known.command] if known and known.command else []
    return page(
        "card.md",
        method=found.algo["label"],
        spec=found.spec,
        folder=folder,
        evaluation=evaluated.evaluation if evaluated else None,
        updates=found.updates,
        env_steps=found.env_steps,
        seed=found.config.seed,
        demonstrations=known.facts if known else None,
        commands=list(dict.fromkeys([*collected, *run.commands])),
        versions=found.versions,
        numbers=f"{sum(value.numel() for value in found.weights.values()):,}",
    )
