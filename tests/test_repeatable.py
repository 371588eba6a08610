"""What exact resuming rests on: same content, same bytes; same number, same noise."""

import numpy as np
import pytest
import torch

from calql_vision.agents import AGENTS, build_agent
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.policy import AgentPolicy
from calql_vision.engine.seeds import noise_seed
from calql_vision.runs.metrics import MetricsFile
from calql_vision.runs.tensor_file import load_tensors, save_tensors

CPU = torch.device("cpu")


def noise(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(noise_seed(0, number))


@pytest.mark.parametrize("name", AGENTS)
def test_an_episodes_noise_is_its_own(name, small_spec, random_episode):
    """Neither what was drawn before nor what is drawn afterwards has to do with it."""
    encoder = CNNConfig(features=4, channels=[4], random_shift=0)
    agent = build_agent(small_spec, AGENTS[name].options(hidden=[8]), encoder, CPU, seed=0)
    episode = random_episode(small_spec, 5, success=True)
    seen = [
        {"images": images, "proprio": proprio}
        for images, proprio in zip(episode.images, episode.proprio, strict=True)
    ]

    def actions(number: int) -> np.ndarray:
        policy = AgentPolicy(agent, deterministic=False, generator=noise(number))
        return np.stack([policy.act(each) for each in seen])

    before = agent.generator.get_state()
    first, other = actions(3), actions(4)
    assert torch.equal(agent.generator.get_state(), before)
    agent.randn(7)
    assert np.array_equal(actions(3), first)
    assert not np.array_equal(other, first)


def test_no_two_episodes_share_their_noise():
    seeds = [noise_seed(run, episode) for run in range(20) for episode in range(200)]
    assert len(set(seeds)) == len(seeds)


def test_the_bytes_of_a_file_do_not_depend_on_its_name(tmp_path):
    content = {"weights": torch.arange(5), "words": ["a", {"b": 1.5}]}
    for name in ("one.pt", "another_name.pt"):
        save_tensors(tmp_path / name, content)
    one, other = ((tmp_path / name).read_bytes() for name in ("one.pt", "another_name.pt"))
    assert one == other
    assert load_tensors(tmp_path / "one.pt", {"weights"})["words"] == content["words"]


@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_rows_beyond_the_kept_ones_are_as_if_never_written(kept, tmp_path):
    """Also those that brought columns, for which the file was written anew."""
    rows = [{"td": 0.1 + 0.2}, {"td": 1e-17, "q": -3.0}, {"r": 1 / 3}, {"td": 2.5, "s": 0.0}]
    whole = MetricsFile(tmp_path / "whole.csv")
    for step, row in enumerate(rows):
        whole.append(step, row)
        if step + 1 == kept:
            expected = (tmp_path / "whole.csv").read_bytes()
    again = MetricsFile(tmp_path / "whole.csv", keep=kept)
    assert (tmp_path / "whole.csv").read_bytes() == expected
    assert again.column("td") == [row["td"] for row in rows[:kept] if "td" in row]
    for step, row in enumerate(rows[kept:], start=kept):
        again.append(step, row)
    fresh = MetricsFile(tmp_path / "fresh.csv")
    for step, row in enumerate(rows):
        fresh.append(step, row)
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "fresh.csv").read_bytes()


def test_a_table_with_fewer_rows_than_were_kept_is_refused(tmp_path):
    MetricsFile(tmp_path / "metrics.csv").append(1, {"td": 1.0})
    with pytest.raises(ValueError, match=r"metrics\.csv has lost rows; overwrite=true"):
        MetricsFile(tmp_path / "metrics.csv", keep=2)
