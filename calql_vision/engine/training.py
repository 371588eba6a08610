"""What pretrain and finetune share: data, folder, log, progress bar, evaluations, checkpoint."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from tqdm import tqdm

from calql_vision.agents import Agent, AgentConfig
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.hdf5 import read_spec
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.pixels import EncoderConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.convergence import diverged_critic, unconverged_critic
from calql_vision.engine.device import set_threads
from calql_vision.engine.environments import task_env
from calql_vision.engine.evaluation import Evaluation, evaluate
from calql_vision.engine.metrics_log import MetricsLog
from calql_vision.engine.policy import AgentPolicy
from calql_vision.engine.preflight import check_demonstrations, check_mode, compare_specs, judge
from calql_vision.engine.seeds import check_run_seed
from calql_vision.runs.config import DataConfig, ScaleConfig, TaskConfig, task_data
from calql_vision.runs.layout import run_folder
from calql_vision.types import EnvSpec, PixelEnv


@dataclass
class TrainingConfig:
    """What both training stages need."""

    task: TaskConfig = field(default_factory=TaskConfig)
    algo: AgentConfig = field(default_factory=AgentConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    data: DataConfig = field(default_factory=DataConfig)
    seed: int = 0  # 0..999
    device: str = "auto"  # auto, cpu or cuda
    threads: int | None = None  # of torch on the CPU; null: as many as cores
    output: str | None = None  # folder; null: runs/<task>/<algo>/seed<seed>/<stage>
    overwrite: bool = False  # replace a finished run
    wandb: str | None = None  # project in Weights & Biases; null: not used
    preflight: str = "refuse"  # data or checkpoint that cannot fit the environment; or warn


def prepare(config: TrainingConfig) -> None:
    """What must be right, and be set, before anything else happens."""
    check_run_seed(config.seed)
    check_mode(config.preflight)
    set_threads(config.threads)


def load_demonstrations(config: TrainingConfig, env: EnvSpec) -> EpisodeBuffer:
    """The demonstrations as the environment would show them.

    Raises ValueError where the file's cameras, proprioception or actions cannot be the
    environment's.
    """
    path, selection = demonstrations_of(config, env)
    found = read_spec(path, **selection)
    for name in ("proprio_dim", "action_dim"):
        theirs, ours = getattr(found, name), getattr(env, name)
        if theirs != ours:
            raise ValueError(f"{path}: {name} is {theirs} but {env.name} has {ours}; check `task`")
    buffer = EpisodeBuffer(config.task.discount, config.reward, config.encoder.frame_stack)
    budget, folder = config.data.budget(), config.data.frame_store
    for episode in read_episodes_within(path, budget, folder, **selection):
        buffer.append(episode)
    if len(buffer) == 0:
        raise ValueError(f"{path}: no transition to learn from; collect more demonstrations")
    return buffer


def demonstrations_of(config: TrainingConfig, env: EnvSpec) -> tuple[Path, dict[str, Any]]:
    """The file, and which of its demos, cameras and numbers the environment shows."""
    selection = {
        "filter_key": config.data.filter_key,
        "cameras": env.cameras,
        "proprio_keys": config.data.proprio_keys or list(env.proprio),
        "image_size": env.image_size,
    }
    return Path(config.data.path or task_data(config.task)), selection


def check_fit(
    config: TrainingConfig, buffer: EpisodeBuffer, start: Checkpoint | None = None
) -> None:
    """Warn of, or refuse, what does not fit together, in an environment made for this alone."""
    env = task_env(config.task)
    try:
        spec = env.unwrapped.pixel_spec
        path, selection = demonstrations_of(config, spec)
        mismatches = compare_specs(start.spec, spec, "the checkpoint") if start else []
        if len(buffer):
            mismatches += check_demonstrations(path, buffer, env, **selection)
        judge(mismatches, config.preflight)
    finally:
        env.close()


class TrainingRun:
    """One run's folder and everything written there."""

    def __init__(self, config: TrainingConfig, stage: str, env: PixelEnv, agent: Agent):
        self.config, self.env, self.agent = config, env, agent
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
        self.log.write(step, row | {"wall_seconds": perf_counter() - self._started})
        warning = diverged_critic(row["q_data"], self._possible) if "q_data" in row else None
        if warning and not self._warned:
            tqdm.write(f"warning: {warning}", file=sys.stderr)
            self._warned = True

    def judge_convergence(self, rows: Sequence[dict[str, float]]) -> None:
        """After pre-training: warn if it was too short, by its rows of metrics."""
        if "q_data" not in rows[-1]:
            return
        history = [row["q_data"] for row in rows]
        warning = unconverged_critic(history, rows[-1]["return_to_go"], self._possible)
        if warning:
            print(f"warning: {warning}", file=sys.stderr)

    def save(self, env_steps: int) -> Path:
        """The finished run's checkpoint."""
        path = self.folder / "checkpoint.pt"
        Checkpoint.of(
            self.agent,
            self.env.unwrapped.pixel_spec,
            asdict(self.config.reward),
            self.config.task.discount,
            asdict(self.config),
            env_steps,
        ).save(path)
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
    folder = Path(config.output) if config.output else run_folder(config, stage)
    if (folder / "checkpoint.pt").exists() and not config.overwrite:
        raise ValueError(f"{folder} holds a finished run; set overwrite=true to replace it")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    for name in ("checkpoint.pt", "metrics.csv"):
        (folder / name).unlink(missing_ok=True)
    OmegaConf.save(OmegaConf.create(asdict(config)), folder / "config.yaml")
    return folder


def evaluation_row(result: Evaluation) -> dict[str, float]:
    """An evaluation as columns of metrics.csv."""
    low, high = result.interval
    return {
        "evaluation/success_rate": result.success_rate,
        "evaluation/success_low": low,
        "evaluation/success_high": high,
        "evaluation/mean_return": float(result.returns.mean()),
        "evaluation/mean_length": float(result.lengths.mean()),
        "evaluation/episodes": result.episodes,
    }


def sampling_generator(seed: int, stage: str) -> np.random.Generator:
    """The stage's own stream of batches."""
    return np.random.default_rng([seed, *stage.encode()])


def postfix(row: dict[str, float], evaluation: dict[str, float]) -> dict[str, str]:
    """What the progress bar shows besides speed and time left."""
    shown = {"td": f"{row['td_loss']:.2g}", "q": f"{row['q_data']:.1f}"} if "q_data" in row else {}
    if evaluation:
        shown["success"] = f"{evaluation['evaluation/success_rate']:.0%}"
    return shown


def proprio_statistics(buffer: EpisodeBuffer) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [P x frames] over all stored observations."""
    values = buffer.all_proprio()
    mean, std = values.mean(axis=0), values.std(axis=0)
    frames = buffer.frame_stack
    return torch.from_numpy(np.tile(mean, frames)), torch.from_numpy(np.tile(std, frames))
