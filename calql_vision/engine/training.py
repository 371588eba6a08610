"""What pretrain and finetune share: folder, log, progress bar, evaluations, checkpoint."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from calql_vision.agents import Agent, AgentConfig
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.progress import warn
from calql_vision.encoders.config import EncoderConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.convergence import diverged_critic, unconverged_critic
from calql_vision.engine.demonstrations import as_shown
from calql_vision.engine.device import set_threads
from calql_vision.engine.evaluation import evaluate
from calql_vision.engine.metrics_log import MetricsLog
from calql_vision.engine.policy import AgentPolicy
from calql_vision.engine.preflight import check_demonstrations, check_mode, compare_specs, judge
from calql_vision.runs.config import RunConfig
from calql_vision.runs.evaluation import Evaluation
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import CHECKPOINT, CONFIG, METRICS, RunFolder
from calql_vision.runs.metrics import Column
from calql_vision.types import PixelEnv


@dataclass
class TrainingConfig(RunConfig):
    """What both training stages need."""

    algo: AgentConfig = field(default_factory=AgentConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)


def prepare(config: TrainingConfig) -> None:
    """What must be right, and be set, before anything else happens."""
    check_ranges(config)
    check_mode(config.preflight)
    set_threads(config.threads)


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


class TrainingRun:
    """One run's folder and everything written there."""

    def __init__(self, config: TrainingConfig, stage: str, env: PixelEnv, agent: Agent):
        self.config, self.stage, self.env, self.agent = config, stage, env, agent
        self.folder = prepare_folder(config, stage)
        self.log = MetricsLog(self.folder, config.wandb, name=str(self.folder))
        self._possible = config.reward.possible_returns(config.task.discount)
        self._warned = False
        self._started = perf_counter()

    def validate(self) -> dict[str, float]:
        """A periodic evaluation: deterministic policy, always the same start states."""
        policy = AgentPolicy(self.agent, deterministic=True)
        episodes = self.config.scale.validation_episodes
        result = evaluate(self.env, policy, episodes, "validate")
        return evaluation_row(result)

    def write(self, step: int, row: dict[str, float]) -> None:
        """One row of metrics; warns once if the critic has diverged."""
        self.log.write(step, row | {Column.WALL_SECONDS: perf_counter() - self._started})
        warning = diverged_critic(row["q_data"], self._possible) if "q_data" in row else None
        if warning and not self._warned:
            warn(warning)
            self._warned = True

    def judge_convergence(self, rows: Sequence[dict[str, float]]) -> None:
        """After pre-training: warn if it was too short, by its rows of metrics."""
        if "q_data" not in rows[-1]:
            return
        history = [row["q_data"] for row in rows]
        warning = unconverged_critic(history, rows[-1]["return_to_go"], self._possible)
        if warning:
            warn(warning)

    def save(self, env_steps: int) -> Path:
        """The finished run's checkpoint."""
        path, spec = self.folder / CHECKPOINT, self.env.pixel_spec
        Checkpoint.of(self.agent, spec, self.config, self.stage, env_steps).save(path)
        return path

    def close(self) -> None:
        self.log.close()


@contextmanager
def training_run(
    config: TrainingConfig, stage: str, env: PixelEnv, agent: Agent
) -> Iterator[TrainingRun]:
    run = TrainingRun(config, stage, env, agent)
    try:
        yield run
    finally:
        run.close()


def prepare_folder(config: TrainingConfig, stage: str) -> Path:
    """An empty folder for the run. Raises ValueError where a finished one stands."""
    place = RunFolder.of(config.task, config.algo.label, config.seed).training(stage)
    folder = Path(config.output) if config.output else place
    if (folder / CHECKPOINT).exists() and not config.overwrite:
        raise ValueError(f"{folder} holds a finished run; set overwrite=true to replace it")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    for name in (CHECKPOINT, METRICS):
        (folder / name).unlink(missing_ok=True)
    config.save(folder / CONFIG)
    Launch.now(stage).save(folder)
    return folder


def evaluation_row(result: Evaluation) -> dict[str, float]:
    """An evaluation as columns of metrics.csv."""
    low, high = result.interval
    return {
        Column.SUCCESS_RATE: result.success_rate,
        Column.SUCCESS_LOW: low,
        Column.SUCCESS_HIGH: high,
        Column.MEAN_RETURN: float(result.returns.mean()),
        Column.MEAN_LENGTH: float(result.lengths.mean()),
        Column.EPISODES: result.episodes,
    }


def sampling_generator(seed: int, stage: str) -> np.random.Generator:
    """The stage's own stream of batches."""
    return np.random.default_rng([seed, *stage.encode()])


def postfix(row: dict[str, float], evaluation: dict[str, float]) -> dict[str, str]:
    """What the progress bar shows besides speed and time left."""
    shown = {"td": f"{row['td_loss']:.2g}", "q": f"{row['q_data']:.1f}"} if "q_data" in row else {}
    if evaluation:
        shown["success"] = f"{evaluation[Column.SUCCESS_RATE]:.0%}"
    return shown
