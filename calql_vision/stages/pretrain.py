"""Offline: the agent learns from demonstrations alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from calql_vision.agents import build_agent
from calql_vision.datasets.buffer import EpisodeBuffer
from calql_vision.engine.acceleration import place_frames
from calql_vision.engine.convergence import pretraining_updates
from calql_vision.engine.demonstrations import load_demonstrations, proprio_statistics
from calql_vision.engine.device import choose_device
from calql_vision.engine.environments import task_env
from calql_vision.engine.held_out import HeldOut, recorded_task, split_demonstrations
from calql_vision.engine.learn import learn
from calql_vision.engine.learner_ranks import learner_ranks
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
from calql_vision.envs import NO_ENVIRONMENT
from calql_vision.runs.metrics import Column
from calql_vision.types import PixelEnv


@dataclass
class PretrainConfig(TrainingConfig):
    """Offline training on demonstrations."""


@learner_ranks()
def run(config: PretrainConfig) -> dict[str, float]:
    """Train, evaluate now and then, save; returns the last evaluation.

    Started by torchrun, every process does: rank 0 has the evaluation, the others {}.
    """
    prepare(config)
    if not config.algo.online.pretrained:
        raise ValueError(
            f"algo={config.algo.label} learns online alone (algo.online.pretrained=false); "
            "run finetune, which needs no checkpoint"
        )
    if config.task.name == NO_ENVIRONMENT:
        return _from_data_alone(config)
    env = task_env(config.task)
    try:
        buffer = load_demonstrations(config, env.pixel_spec)
        task, env = with_fitting_horizon(config.task, env, buffer)
        config = replace(config, task=task)
        check_fit(config, buffer, env)
        return _learn(config, buffer, env)
    finally:
        env.close()


def _from_data_alone(config: PretrainConfig) -> dict[str, float]:
    """Without an environment: some demonstrations are held out and take its place."""
    config, spec = recorded_task(config)
    buffer, held_out = split_demonstrations(config, spec)
    return _learn(config, buffer, HeldOut(spec, held_out))


def _learn(
    config: PretrainConfig, buffer: EpisodeBuffer, env: PixelEnv | HeldOut
) -> dict[str, float]:
    device = choose_device(config.device)
    agent = build_agent(env.pixel_spec, config.algo, config.encoder, device, config.seed)
    agent.normalise_proprio(*proprio_statistics(buffer))
    place_frames(config, agent.device, buffer)
    total, inputs = (
        pretraining_updates(config.scale, config.task, config.algo, buffer),
        checksums(buffer),
    )
    with training_run(config, "pretrain", env, agent, total, inputs) as training:
        return _train(training, buffer)


def _train(training: TrainingRun, buffer: EpisodeBuffer) -> dict[str, float]:
    scale, total = training.config.scale, training.total
    evaluation: dict[str, float] = {}
    with training.bar() as bar:
        for until, evaluate_now in milestones(total, scale.log_every, scale.evaluations):
            if until <= training.step:
                continue  # before an interruption
            done = training.step
            training.agent.anneal_actor(done / total)
            row = learn(training.agent, buffer, until - done, training.generator)
            row[Column.UPDATES_PER_SECOND] = until / training.learning_seconds
            if evaluate_now:
                evaluation = training.validate()
                row |= evaluation
            training.reached(until, row)
            bar.set_postfix(postfix(row, evaluation), refresh=False)
            bar.update(until - done)
    training.agent.anneal_actor(1)  # here, too, where a resumed run has no update left
    training.judge_convergence()
    print(f"pretrain: {total} updates, {training.finish()}")
    return evaluation


def milestones(total: int, log_every: int, evaluations: int) -> Iterator[tuple[int, bool]]:
    """Update counts at which a row is written, and whether an evaluation belongs to it.

    The evaluations are spread evenly and the last is at the end.
    """
    due = {round(total * number / evaluations) for number in range(1, evaluations + 1)}
    for until in sorted({*range(log_every, total, log_every), *due, total} - {0}):
        yield until, until in due
