"""Laws of how agents act, over the table of algorithms."""

import numpy as np
import pytest
import torch

from calql_vision.agents import AGENTS
from calql_vision.engine.policy import AgentPolicy
from calql_vision.types import EnvObservation
from tests.small_agents import agent_of, observation, pixel_batch, small, weights


@pytest.mark.parametrize("name", AGENTS)
def test_an_averaged_actor_follows_at_tau_and_alone_acts(name):
    agent = agent_of(small(name, averaged_actor=True, tau=0.5))
    slow = weights(agent.slow_actor[1])
    agent.update(pixel_batch())
    fast, now = weights(agent.actor), weights(agent.slow_actor[1])
    trained = dict(agent.actor.named_parameters())
    assert all(torch.allclose(now[key], (slow[key] + fast[key]) / 2) for key in trained)
    seen = observation(torch.Generator().manual_seed(5))
    acted = agent.act(seen, deterministic=True)
    for parameter in agent.actor.parameters():
        parameter.data.zero_()
    assert torch.equal(acted, agent.act(seen, deterministic=True))


@pytest.mark.parametrize("name", AGENTS)
def test_an_annealed_actors_rate_falls_to_nothing_and_no_other(name):
    agent, fixed = agent_of(small(name, annealed_actor=True)), agent_of(small(name))
    rates = []
    for progress in (0.0, 0.5, 1.0):
        agent.anneal_actor(progress)
        fixed.anneal_actor(progress)
        rates.append(agent.optimizers["actor"].param_groups[0]["lr"])
        others = [o for n, o in agent.optimizers.items() if n != "actor"]
        unchanged = [*others, *fixed.optimizers.values()]
        assert all(o.param_groups[0]["lr"] == 3e-4 for o in unchanged)
    assert rates == pytest.approx([3e-4, 1.5e-4, 0.0])


@pytest.mark.parametrize("name", AGENTS)
def test_deterministic_acting_repeats_itself_and_disturbs_no_random_numbers(name):
    agent = agent_of(small(name))
    state = agent.generator.get_state()
    seen: EnvObservation = {
        "images": np.zeros((2, 16, 16, 3), np.uint8),
        "proprio": np.zeros(4, np.float32),
    }
    still = AgentPolicy(agent, deterministic=True)
    assert np.array_equal(still.act(seen), still.act(seen))
    assert torch.equal(agent.generator.get_state(), state)
    moving = AgentPolicy(agent, deterministic=False)
    first, second = moving.act(seen), moving.act(seen)
    assert not np.array_equal(first, second)
    assert np.abs([first, second]).max() <= 1


def test_the_policy_stacks_frames_as_the_buffer_does():
    agent = agent_of(small(), frame_stack=2)
    seen = []
    agent.encoder.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    policy = AgentPolicy(agent, deterministic=True)
    frames: list[EnvObservation] = [
        {
            "images": np.full((2, 16, 16, 3), t, np.uint8),
            "proprio": np.full(4, t, np.float32),
        }
        for t in range(3)
    ]
    for start in (0, 1):
        policy.reset()
        for frame in frames[start:]:
            policy.act(frame)
    stacks = [o.images[0, 0, 0, 0, ::3].tolist() for o in seen]
    assert stacks == [[0, 0], [0, 1], [1, 2], [1, 1], [1, 2]]
    assert seen[1].proprio[0].tolist() == [0] * 4 + [1] * 4
