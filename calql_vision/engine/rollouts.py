"""Episodes of an agent that goes on learning, made by workers on this machine or on others."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from calql_vision.agents import Agent, AgentConfig, build_agent
from calql_vision.encoders.config import EncoderConfig
from calql_vision.engine.device import set_threads
from calql_vision.engine.environments import spec_env
from calql_vision.engine.parallel import Workers, in_order, open_workers
from calql_vision.engine.policy import AgentPolicy, RandomPolicy
from calql_vision.engine.rollout import rollout
from calql_vision.engine.seeds import episode_seed, noise_seed
from calql_vision.runs.config import RolloutsConfig, ScaleConfig, TaskConfig
from calql_vision.types import EnvSpec, Episode, PixelEnv, Policy

Weights = dict[str, Tensor]


class Config(Protocol):
    """What rollouts need of a stage's configuration."""

    task: TaskConfig
    scale: ScaleConfig
    rollouts: RolloutsConfig
    seed: int
    threads: int | None


@dataclass(frozen=True)
class Order:
    """Which episode is to be made. With the weights it is all that matters."""

    purpose: str  # of engine.seeds
    number: int
    run_seed: int
    actions: str  # random, explore or deterministic
    most_steps: int | None  # after which it is cut off
    images: bool = True  # whether they come along
    states: bool = False  # ... the simulator's


class EpisodeMaker:
    """A worker: an environment, and a copy of the agent to act there."""

    def __init__(self, env: PixelEnv, agent: Agent, owns_env: bool = True):
        self._env, self._agent, self._owns_env = env, agent, owns_env
        self._version: int | None = None

    def __call__(self, order: Order, version: int, weights: Weights) -> Episode:
        if version != self._version:
            self._agent.load_state_dict(weights)
            self._version = version
        seed = episode_seed(order.purpose, order.run_seed, order.number)
        policy, most = self._policy(order), order.most_steps
        episode = rollout(self._env, policy, seed, order.states, most)
        return episode if order.images else replace(episode, images=episode.images[:, :0])

    def _policy(self, order: Order) -> Policy:
        """It draws from a generator of its own."""
        agent, seed = self._agent, noise_seed(order.run_seed, order.number)
        if order.actions == "random":
            return RandomPolicy(agent.action_dim, np.random.default_rng(seed))
        noise = torch.Generator(agent.device).manual_seed(seed)
        return AgentPolicy(agent, order.actions == "deterministic", noise)

    def close(self) -> None:
        if self._owns_env:
            self._env.close()


class Rollouts:
    """`next` is the next online episode, however many are made ahead, and wherever.

    Episode n acts by the weights as they were when episode n - 1 - lag had been learnt from, so
    that nothing depends on how long episodes take.
    """

    def __init__(self, workers: Workers, agent: Agent, config: Config):
        self._workers, self._agent = workers, agent
        self._run_seed, self._lag = config.seed, config.rollouts.lag
        self._most_steps = config.scale.longest_episode
        self._ahead: deque[tuple[Order, Sent, Any]] = deque()  # the last: their receipts
        self._sent: Sent | None = None

    def next(self, number: int, random: bool) -> Episode:
        """Episode `number`; orders what may be under way besides, with `random` actions?"""
        actions = "random" if random else "explore"
        for ahead in range(number + len(self._ahead), number + self._lag + 1):
            order = Order("online", ahead, self._run_seed, actions, self._most_steps)
            self._submit(order, self._present())
        order, _, receipt = self._ahead.popleft()
        assert order.number == number, "episodes are asked for one after another"
        return self._workers.result(receipt)

    def deterministic(
        self, purpose: str, count: int, with_images: int = 0, with_states: int = 0
    ) -> Iterator[Episode]:
        """Episodes from starts that are always the same, by the weights as they are.

        So many of the first come with images, or with the simulator's states.
        """
        sent = self._present()
        orders = (
            Order(
                purpose,
                number,
                0,
                "deterministic",
                self._most_steps,
                images=number < with_images,
                states=number < with_states,
            )
            for number in range(count)
        )
        items = ((order, sent.version, sent.parcel) for order in orders)
        return in_order(self._workers, items)

    def ahead(self) -> list[dict[str, Any]]:
        """What is under way, as plain values and tensors."""
        return [
            {"order": asdict(order), "version": sent.version, "weights": sent.weights}
            for order, sent, _ in self._ahead
        ]

    def restore(self, ahead: list[dict[str, Any]]) -> None:
        """Begin again what was under way."""
        for each in ahead:
            sent = self._send(each["version"], each["weights"])
            self._submit(Order(**each["order"]), sent)

    def _submit(self, order: Order, sent: "Sent") -> None:
        receipt = self._workers.submit(order, sent.version, sent.parcel)
        self._ahead.append((order, sent, receipt))

    def _present(self) -> "Sent":
        """The weights as they are, sent once."""
        version = self._agent.updates
        if self._sent is None or self._sent.version != version:
            weights = {
                name: value.to("cpu", copy=True) for name, value in self._agent.state_dict().items()
            }
            self._sent = self._send(version, weights)
        return self._sent

    def _send(self, version: int, weights: Weights) -> "Sent":
        return Sent(version, weights, self._workers.share(weights))


@dataclass(frozen=True)
class Sent:
    """Weights that workers may be told to act by."""

    version: int  # how many updates they have had
    weights: Weights
    parcel: Any  # the same, as the workers get them


@contextmanager
def open_rollouts(config: Config, env: PixelEnv, agent: Agent) -> Iterator[Rollouts]:
    """Rollouts of `agent`: in `env` if they are made here, else in environments like it."""
    how = config.rollouts
    options = (env.pixel_spec, agent.config, agent.encoder_config)

    def here() -> EpisodeMaker:
        return EpisodeMaker(env, build_agent(*options, agent.device, seed=0), owns_env=False)

    alone = how.engine == "local" and how.workers == 1
    make_worker = here if alone else partial(episode_maker, *options, config.task, config.threads)
    with closing(open_workers(make_worker, how)) as workers:
        yield Rollouts(workers, agent, config)


def episode_maker(
    spec: EnvSpec,
    config: AgentConfig,
    encoder: EncoderConfig,
    task: TaskConfig,
    threads: int | None,
) -> EpisodeMaker:
    """One in a process of its own, on the CPU."""
    set_threads(threads)
    agent = build_agent(spec, config, encoder, torch.device("cpu"), seed=0)
    return EpisodeMaker(spec_env(spec, task), agent)
