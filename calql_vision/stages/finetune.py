"""Online: the same agent goes on in the simulator, with demonstrations in every batch."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from calql_vision.agents import Agent, CalQL, build_agent
from calql_vision.agents.config import OnlineConfig, online_config
from calql_vision.agents.ranks import made_by_rank_0
from calql_vision.configs import option
from calql_vision.datasets.buffer import EpisodeBuffer, MixedBuffer, NStepReference
from calql_vision.engine.acceleration import place_frames
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.demonstrations import (
    load_demonstrations,
    proprio_statistics,
    room_for_experience,
)
from calql_vision.engine.device import choose_device
from calql_vision.engine.environments import task_env
from calql_vision.engine.experience import Experience
from calql_vision.engine.learn import learn
from calql_vision.engine.learner_ranks import learner_ranks, this_part
from calql_vision.engine.opened_run import training_run
from calql_vision.engine.time_limit import with_fitting_horizon
from calql_vision.engine.training import (
    TrainingConfig,
    check_fit,
    checksums,
    postfix,
    prepare,
)
from calql_vision.engine.training_run import TrainingRun
from calql_vision.envs import check_environment
from calql_vision.runs.layout import RunFolder
from calql_vision.runs.metrics import Column
from calql_vision.types import EnvSpec, Episode


@dataclass
class FinetuneConfig(TrainingConfig):
    """Online training, which goes on from a pre-trained agent where the method has one."""

    checkpoint: str | None = option(None, "null: that of the pretrain stage of the same run")


@learner_ranks()
def run(config: FinetuneConfig) -> dict[str, float]:
    """Fine-tune, evaluate now and then, save; returns the last evaluation.

    Started by torchrun, every process does: rank 0 has the evaluation, the others {}.
    """
    prepare(config)
    check_environment(config.task.name)
    start = starting_point(config)
    env = task_env(config.task)
    try:
        demonstrations = find_demonstrations(config, env.pixel_spec)
        task, env = with_fitting_horizon(config.task, env, demonstrations)
        config = replace(config, task=task)
        check_fit(config, demonstrations, env, start)
        agent = online_agent(config, env.pixel_spec, demonstrations, start)
        online = EpisodeBuffer(
            demonstrations.discount,
            demonstrations.reward,
            demonstrations.frame_stack,
            online_reference(config, agent),
            demonstrations.part,
        )
        place_frames(config, agent.device, demonstrations, online)
        experience = Experience(online, room_for_experience(config.data, demonstrations))
        total, inputs = (
            max(1, round(config.scale.online_steps * task.effort)),
            checksums(demonstrations, start),
        )
        with training_run(config, "finetune", env, agent, total, inputs, experience) as training:
            return OnlineTraining(config, training, demonstrations, experience).train()
    finally:
        env.close()


def starting_point(config: FinetuneConfig) -> Checkpoint | None:
    """The pre-trained agent, or None where the method starts from nothing."""
    if config.algo.online.pretrained:
        place = RunFolder.of(config.task, config.algo.label, config.seed)
        source = Path(config.checkpoint) if config.checkpoint else place.checkpoint("pretrain")
        return Checkpoint.load(source)
    if config.checkpoint:
        raise ValueError(
            f"checkpoint={config.checkpoint} but algo={config.algo.label} starts from nothing; "
            "leave it out or set algo.online.pretrained=true"
        )
    return None


def find_demonstrations(config: FinetuneConfig, spec: EnvSpec) -> EpisodeBuffer:
    """The demonstrations; none where the method does without and nobody has collected any."""
    path, online = config.task.data_path, config.algo.online
    needed = online.pretrained or online.online_fraction != 1
    if needed or config.data.path or path.exists():
        return load_demonstrations(config, spec)
    print(f"finetune: no {path}, and {config.algo.label} does without: raw proprioception")
    return EpisodeBuffer(
        config.task.discount, config.reward, config.encoder.frame_stack, part=this_part()
    )


def online_agent(
    config: FinetuneConfig, spec: EnvSpec, demonstrations: EpisodeBuffer, start: Checkpoint | None
) -> Agent:
    """The agent with the options that it has online, pre-trained or fresh."""
    algo = online_config(config.algo)
    agent = build_agent(spec, algo, config.encoder, choose_device(config.device), config.seed)
    if start is None and len(demonstrations):
        agent.normalise_proprio(*proprio_statistics(demonstrations))
    elif start is not None:
        check_same_shape(agent, spec, start)
        start.restore(agent)
    return agent


def check_same_shape(agent: Agent, spec: EnvSpec, start: Checkpoint) -> None:
    """ValueError where the run asks for other networks or inputs than the checkpoint holds."""
    asked = {"encoder": asdict(agent.encoder_config), "algo": asdict(agent.config)}
    stored = {"encoder": start.encoder, "algo": start.algo}
    same_inputs = asked["encoder"] == stored["encoder"] and inputs(spec) == inputs(start.spec)
    if same_inputs and shapes(agent.state_dict()) == shapes(start.weights):
        return
    may_differ = {"label", "online", *agent.config.online.options}
    differences = [
        f"{group}.{name}={stored[group].get(name)} but this run asks for {value}"
        for group, options in asked.items()
        for name, value in options.items()
        if stored[group].get(name) != value and name not in may_differ
    ]
    if inputs(spec) != inputs(start.spec):
        differences.append("other cameras, image size or proprioception")
    found = ", ".join(differences)
    raise ValueError(
        f"the checkpoint was trained with {found}; use the same networks or pre-train again"
    )


def inputs(spec: EnvSpec) -> tuple:
    """What the agent sees, in the order in which it sees it."""
    return spec.cameras, spec.image_size, list(spec.proprio.items())


def shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}


def online_reference(config: FinetuneConfig, agent: Agent) -> NStepReference | None:
    """What calibrates online: n-step returns where they are asked for, else the plain returns."""
    steps = config.algo.online.reference_steps
    if steps is None:
        return None
    if not isinstance(agent, CalQL) or steps < 1:
        raise ValueError(
            f"algo.online.reference_steps={steps} with algo={config.algo.label}: "
            "a number above 0, for the Cal-QL family alone; others have no reference"
        )
    return NStepReference(steps, agent.state_value)


def held_share(online: EpisodeBuffer, how: OnlineConfig) -> float:
    """What the pre-trained policy has to lose, less what it has to gain, and at least 0.

    Its share of successes less that of failures, in the episodes before the first update.
    """
    succeeded = online.successes_begun(how.random_steps, how.random_steps + how.warmup_steps)
    return max(0.0, float(2 * succeeded.mean() - 1)) if len(succeeded) else 0.0


class OnlineTraining:
    """Whole episodes are collected, then as many updates follow as they had steps."""

    def __init__(
        self,
        config: FinetuneConfig,
        training: TrainingRun,
        demonstrations: EpisodeBuffer,
        experience: Experience,
    ):
        self.config, self.training, self.how = config, training, config.algo.online
        self.experience, self.online = experience, experience.buffer
        self.mixed = MixedBuffer(demonstrations, self.online, self.how.online_fraction)

    def train(self) -> dict[str, float]:
        training, total = self.training, self.training.total
        due = np.linspace(0, total, self.config.scale.evaluations + 1)[1:]
        evaluation: dict[str, float] = {}
        if training.step == 0:
            evaluation = training.validate()
            training.reached(0, evaluation)
        with training.bar() as bar:
            while training.step < total:
                row = self._episode()
                steps = len(self.online)
                if (due <= steps).sum() > (due <= training.step).sum():
                    evaluation = training.validate()
                    row |= evaluation
                training.reached(steps, row)
                bar.set_postfix(postfix(row, evaluation), refresh=False)
                bar.update(min(steps, total) - bar.n)
        path = training.finish()
        print(f"finetune: {training.step} steps, regret {self._regret():.3f}, {path}")
        return evaluation

    def _episode(self) -> dict[str, float]:
        """One episode, then its updates; the row to log."""
        begin = self.training.step
        number, agent = self.online.episodes, self.training.agent
        warm = begin >= self.how.random_steps + self.how.warmup_steps
        episode = made_by_rank_0(lambda: self._roll_out(number))
        self.experience.add(episode)
        agent.fade(begin / self.training.total, held_share(self.online, self.how))
        updates = round(len(episode) * self.how.updates_per_step) if warm else 0
        metrics = learn(agent, self.mixed, updates, self.training.generator) if updates else {}
        return metrics | {
            Column.ONLINE_SUCCESS: float(episode.success),
            Column.ONLINE_RETURN: float(episode.rewards.sum()),
            Column.ONLINE_LENGTH: float(len(episode)),
            Column.ONLINE_REGRET: self._regret(),
            Column.UPDATES: float(agent.updates),
        }

    def _regret(self) -> float:
        """Share of the online episodes so far that failed."""
        return 1 - self.online.success_rate

    def _roll_out(self, number: int) -> Episode:
        assert self.training.rollouts, "rank 0 has them"
        random = self.training.step < self.how.random_steps
        return self.training.rollouts.next(number, random)
