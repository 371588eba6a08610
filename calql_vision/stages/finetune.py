"""Online: the same agent goes on in the simulator, with demonstrations in every batch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from calql_vision.agents import build_agent
from calql_vision.checkpoint import Checkpoint
from calql_vision.datasets.buffer import EpisodeBuffer, MixedBuffer
from calql_vision.device import choose_device
from calql_vision.learn import learn
from calql_vision.policy import AgentPolicy
from calql_vision.rollout import rollout
from calql_vision.seeds import episode_seed
from calql_vision.stages.pretrain import postfix
from calql_vision.stages.task import task_env
from calql_vision.stages.training import (
    TrainingConfig,
    TrainingRun,
    load_demonstrations,
    prepare,
    run_folder,
    sampling_generator,
    training_run,
)


@dataclass
class FinetuneConfig(TrainingConfig):
    """Online training that starts from a pre-trained agent."""

    checkpoint: str | None = None  # null: that of the pretrain stage of the same run
    online_fraction: float | None = 0.5  # of each batch; null: in proportion to the buffers
    updates_per_step: float = 1.0  # gradient steps per environment step (UTD)


def run(config: FinetuneConfig) -> dict[str, float]:
    """Fine-tune, evaluate now and then, save; returns the last evaluation."""
    prepare(config)
    source = config.checkpoint or run_folder(config, "pretrain") / "checkpoint.pt"
    start = Checkpoint.load(Path(source))
    check_same_shape(config, start)
    env = task_env(config.task)
    try:
        spec = env.unwrapped.pixel_spec
        demonstrations = load_demonstrations(config, spec)
        device = choose_device(config.device)
        agent = build_agent(spec, config.algo, config.encoder, device, config.seed)
        start.restore(agent)
        with training_run(config, "finetune", env, agent) as training:
            return OnlineTraining(config, training, demonstrations).train(start.updates)
    finally:
        env.close()


def check_same_shape(config: FinetuneConfig, start: Checkpoint) -> None:
    """ValueError where the run asks for other networks than the checkpoint holds."""
    asked = {
        "encoder": vars(config.encoder),
        "algo": {name: getattr(config.algo, name) for name in ("name", "hidden")},
    }
    for group, stored in (("encoder", start.encoder), ("algo", start.algo)):
        for name, value in asked[group].items():
            if list_or_value(stored[name]) != list_or_value(value):
                raise ValueError(
                    f"the checkpoint was trained with {group}.{name}={stored[name]}, this run "
                    f"asks for {value}; use the same or pre-train again"
                )


def list_or_value(value):
    return list(value) if isinstance(value, tuple | list) else value


class OnlineTraining:
    """Whole episodes are collected, then as many updates follow as they had steps."""

    def __init__(
        self, config: FinetuneConfig, training: TrainingRun, demonstrations: EpisodeBuffer
    ):
        self.config, self.training = config, training
        self.online = EpisodeBuffer(
            demonstrations.discount, demonstrations.reward, demonstrations.frame_stack
        )
        self.mixed = MixedBuffer(demonstrations, self.online, config.online_fraction)
        self.explorer = AgentPolicy(training.agent, deterministic=False)
        self.generator = sampling_generator(config.seed, "finetune")
        self.successes: list[bool] = []

    def train(self, updates: int) -> dict[str, float]:
        """`updates` counts on from pre-training."""
        total = round(self.config.scale.online_steps * self.config.task.effort)
        due = np.linspace(0, total, self.config.scale.evaluations + 1)[1:]
        evaluation = self.training.validate()
        self.training.write(0, evaluation)
        steps, evaluated = 0, 0
        with tqdm(total=total, desc="finetune", unit="step") as bar:
            while steps < total:
                length, row = self._episode()
                steps += length
                updates += round(length * self.config.updates_per_step)
                passed = int((due <= steps).sum())
                if passed > evaluated:
                    evaluated, evaluation = passed, self.training.validate()
                    row |= evaluation
                self.training.write(steps, row)
                bar.set_postfix(postfix(row, evaluation), refresh=False)
                bar.update(min(length, total - bar.n))
        path = self.training.save(updates, steps)
        print(f"finetune: {steps} steps, regret {np.mean(self._failures):.3f}, {path}")
        return evaluation

    def _episode(self) -> tuple[int, dict[str, float]]:
        """One episode, then its updates; its length and the row to log."""
        seed = episode_seed("online", self.config.seed, len(self.successes))
        episode = rollout(self.training.env, self.explorer, seed)
        self.online.append(episode)
        self.successes.append(episode.success)
        row = {
            "online/success": float(episode.success),
            "online/return": float(episode.rewards.sum()),
            "online/length": float(len(episode)),
            "online/regret": float(np.mean(self._failures)),
        }
        updates = round(len(episode) * self.config.updates_per_step)
        if updates > 0:
            row |= learn(self.training.agent, self.mixed, updates, self.generator)
        return len(episode), row

    @property
    def _failures(self) -> list[bool]:
        return [not success for success in self.successes]
