"""What pretrain and finetune share: their options, and the checks before they begin."""

from dataclasses import dataclass, field
from pathlib import Path

from calql_vision.agents import AgentConfig
from calql_vision.agents.ranks import ranks
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.encoders.config import EncoderConfig
from calql_vision.engine.acceleration import check_acceleration
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.demonstrations import as_shown, checksum
from calql_vision.engine.device import set_threads
from calql_vision.engine.preflight import check_demonstrations, check_mode, compare_specs, judge
from calql_vision.runs.config import RunConfig
from calql_vision.runs.metrics import Column
from calql_vision.runs.output import RUN, check_folder, is_run
from calql_vision.types import PixelEnv


@dataclass
class TrainingConfig(RunConfig):
    """What both training stages need."""

    algo: AgentConfig = field(default_factory=AgentConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


def prepare(config: TrainingConfig) -> None:
    """What must be right, and be set, before anything else happens."""
    check_ranges(config)
    if config.output:
        check_folder(Path(config.output), RUN, is_run)
    check_mode(config.preflight)
    check_acceleration(config)
    set_threads(config.threads)
    if config.algo.batch_size < ranks():
        raise ValueError(
            f"algo.batch_size={config.algo.batch_size} has no row for some of {ranks()} ranks; "
            "start fewer"
        )


def check_fit(
    config: TrainingConfig,
    buffer: EpisodeBuffer,
    env: PixelEnv,
    start: Checkpoint | None = None,
) -> None:
    """Warn of, or refuse, what does not fit together. `env` needs a reset afterwards."""
    spec = env.pixel_spec
    path, selection = config.data_path, as_shown(spec, config.data)
    mismatches = compare_specs(start.spec, spec, "the checkpoint") if start else []
    if len(buffer):
        mismatches += check_demonstrations(path, buffer, env, selection)
    judge(mismatches, config.preflight)


def checksums(demonstrations: EpisodeBuffer, start: Checkpoint | None = None) -> dict[str, int]:
    """By which an interrupted run knows that it goes on with what it began with."""
    found = {"demonstrations": checksum(demonstrations)}
    if start:
        found["checkpoint"] = start.checksum()
    return found


def postfix(row: dict[str, float], evaluation: dict[str, float]) -> dict[str, str]:
    """What the progress bar shows besides speed and time left."""
    shown = {"td": f"{row['td_loss']:.2g}", "q": f"{row['q_data']:.1f}"} if "q_data" in row else {}
    if Column.ACTION_ERROR in evaluation:
        shown["action error"] = f"{evaluation[Column.ACTION_ERROR]:.2g}"
    elif evaluation:
        shown["success"] = f"{evaluation[Column.SUCCESS_RATE]:.0%}"
    return shown
