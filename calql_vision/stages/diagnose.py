"""Is the critic right, and what does the policy lose? A run's checkpoints, examined."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from calql_vision.agents import Agent, AgentConfig
from calql_vision.configs import option
from calql_vision.configs.ranges import check_ranges
from calql_vision.datasets.frame_store import read_episodes_within
from calql_vision.datasets.hdf5 import demo_names, open_dataset
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.critic_evaluation import CriticEvaluation
from calql_vision.engine.demonstrations import as_shown, memory_budget
from calql_vision.engine.device import choose_device, set_threads
from calql_vision.engine.environments import spec_env
from calql_vision.engine.q_values import has_critic
from calql_vision.runs.config import ScaleConfig, TaskConfig
from calql_vision.runs.diagnosis import CheckpointDiagnosis, Diagnosis, Measurement
from calql_vision.runs.launch import Launch
from calql_vision.runs.layout import TRAINING_STAGES, RunFolder
from calql_vision.runs.output import DIAGNOSED, is_diagnosis, output_folder
from calql_vision.types import Episode


@dataclass
class DiagnoseConfig:
    """Values against returns, before and after fine-tuning: calibration and regret."""

    task: TaskConfig = field(default_factory=TaskConfig)
    algo: AgentConfig = field(default_factory=AgentConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    seed: int = option(0, "of the run that is examined", within="[0, 999]")
    episodes: int | None = option(
        None, "start states, always the same; null: scale.evaluation_episodes", within="[1, 5e5]"
    )
    samples: int = option(
        32,
        "actions of the policy, and as many uniform ones, among which max_a Q is sought",
        within="[1, 1e5]",
    )
    filter_key: str | None = option("valid", "which demonstrations to compare with; null: all")
    device: str = option("auto", "auto, cpu or cuda")
    threads: int | None = option(
        1, "torch's on the CPU: single images do not gain from more", within="[1, 1024]"
    )
    output: str | None = option(None, "folder; null: runs/<task>/<algo>/seed<seed>/diagnose")


def run(config: DiagnoseConfig) -> Diagnosis:
    """Examine what the run has of pretrain and finetune; write diagnosis.json, calibration.npz.

    Environment, data file, rewards and discount are those of the training. Raises ValueError
    where there is no checkpoint or no such demonstration.
    """
    check_ranges(config)
    set_threads(config.threads)
    usual = _run_folder(config).diagnosis
    folder = output_folder(config.output, usual, DIAGNOSED, is_diagnosis)
    checkpoints = load_checkpoints(config)
    device = choose_device(config.device)
    agents = {stage: found.build(device) for stage, found in checkpoints.items()}
    if all(map(has_critic, agents.values())):
        diagnosis = diagnose(config, checkpoints, agents)
    else:
        reason = f"{config.algo.label} has no critic: no Q to compare"
        diagnosis = Diagnosis(None, skipped=reason, launch=Launch.now("diagnose"))
    diagnosis.save(folder)
    print(f"{diagnosis}\ndiagnose: {folder}")
    return diagnosis


def _run_folder(config: DiagnoseConfig) -> RunFolder:
    return RunFolder.of(config.task, config.algo.label, config.seed)


def load_checkpoints(config: DiagnoseConfig) -> dict[str, Checkpoint]:
    """Those that the run has, by stage. Raises ValueError if it has none."""
    paths = {stage: _run_folder(config).checkpoint(stage) for stage in TRAINING_STAGES}
    found = {stage: Checkpoint.load(path) for stage, path in paths.items() if path.is_file()}
    if not found:
        raise ValueError(f"{paths['pretrain']}: no such checkpoint; run pretrain or finetune first")
    return found


def diagnose(
    config: DiagnoseConfig, checkpoints: dict[str, Checkpoint], agents: dict[str, Agent]
) -> Diagnosis:
    """All of a run's agents, from the same start states and on the same demonstrations."""
    last = list(checkpoints.values())[-1]
    demonstrations = read_demonstrations(config.filter_key, last)
    env = spec_env(last.spec, config.task)
    try:
        episodes = config.episodes or config.scale.evaluation_episodes
        evaluation = CriticEvaluation(
            env,
            last.discount,
            last.reward,
            episodes,
            config.samples,
            config.scale.longest_episode,
        )
        found = {s: evaluation.diagnose(agent, demonstrations) for s, agent in agents.items()}
        optimum, whose = evaluation.optimum([each.start.reached for each in found.values()])
    finally:
        env.close()
    measurement = Measurement(
        task=last.spec.name,
        method=config.algo.label,
        seed=config.seed,
        discount=last.discount,
        reward=asdict(last.reward),
        episodes=episodes,
        samples=config.samples,
        optimum=whose,
        best_action=f"best of the deterministic action, {config.samples} samples of the policy "
        f"and {config.samples} uniform actions, by the least of the critics",
        data=str(last.config.data_path),
        filter_key=config.filter_key,
        held_out=held_out(last.config.data_path, config.filter_key, checkpoints),
    )
    measured = {stage: with_optimum(each, optimum) for stage, each in found.items()}
    return Diagnosis(measurement, checkpoints=measured, launch=Launch.now("diagnose"))


def read_demonstrations(filter_key: str | None, trained: Checkpoint) -> list[Episode]:
    """The chosen demonstrations as the agent saw them in training."""
    data = trained.config.data
    selection = replace(as_shown(trained.spec, data), filter_key=filter_key)
    path, budget = trained.config.data_path, memory_budget(data)
    return list(read_episodes_within(path, budget, data.frame_store, selection))


def held_out(data: Path, filter_key: str | None, checkpoints: dict[str, Checkpoint]) -> bool:
    """Whether no checkpoint was trained on any of the chosen demonstrations.

    Training takes all of the file unless it is told data.filter_key=train.
    """
    with open_dataset(data) as file:
        chosen = set(demo_names(file, filter_key))
        trained = [demo_names(file, c.config.data.filter_key) for c in checkpoints.values()]
    return all(chosen.isdisjoint(names) for names in trained)


def with_optimum(found: CheckpointDiagnosis, optimum: np.ndarray) -> CheckpointDiagnosis:
    return replace(found, start=replace(found.start, optimum=optimum))
