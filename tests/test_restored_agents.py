"""What a checkpoint brings back into an agent, and what the run that loads it decides."""

from typing import Any

import pytest

from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.runs.config import RunConfig
from tests.small_methods import CPU, SPEC, agent_of, pixel_batch, same_weights


def test_a_checkpoint_restores_what_both_sides_have_and_no_part_of_the_weights():
    saved = agent_of("cal_ql", q_weight=1.0)
    saved.update(pixel_batch())
    checkpoint = Checkpoint.of(saved, SPEC, RunConfig(), "pretrain", env_steps=0)
    fixed = agent_of("cal_ql", seed=1, automatic_temperature=False)
    checkpoint.restore(fixed)
    assert same_weights(saved, fixed)
    assert fixed.updates == 1
    assert fixed.optimizers["critic"].state_dict()["state"][0]["step"] == 1
    with pytest.raises(ValueError, match="log_lagrange"):
        checkpoint.restore(agent_of("cal_ql", lagrange=True))


def test_learning_rates_and_first_temperature_are_those_of_the_run_that_loads():
    saved = agent_of("cal_ql", q_weight=1.0)
    saved.update(pixel_batch())
    checkpoint = Checkpoint.of(saved, SPEC, RunConfig(), "pretrain", env_steps=0)
    changes: dict[str, Any] = {"actor_lr": 1e-5, "critic_lr": 2e-5, "initial_temperature": 0.5}
    agent = agent_of("cal_ql", q_weight=1.0, **changes)
    checkpoint.restore(agent)
    rates = {name: o.param_groups[0]["lr"] for name, o in agent.optimizers.items()}
    assert rates == {"critic": 2e-5, "actor": 1e-5, "temperature": 1e-5}
    assert agent.temperature == pytest.approx(0.5)
    same = agent_of("cal_ql", q_weight=1.0)
    checkpoint.restore(same)
    assert same.temperature == saved.temperature != same.config.initial_temperature


def test_a_checkpoint_keeps_how_its_method_goes_online():
    agent = agent_of("wsrl")
    again = Checkpoint.of(agent, SPEC, RunConfig(), "pretrain", env_steps=0).build(CPU)
    assert again.config == agent.config
    assert same_weights(agent, again)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_a_damaged_checkpoint_is_refused_in_one_sentence(content, tmp_path):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.pt is damaged or no checkpoint"):
        Checkpoint.load(tmp_path / "bad.pt")
