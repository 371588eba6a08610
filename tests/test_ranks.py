"""Laws of a learner of several processes. Run by torchrun, this file is what its ranks do."""

import csv
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision.agents import AGENTS, build_agent
from calql_vision.agents.ranks import made_by_rank_0, rank, rank_seed, wait_for_all_ranks
from calql_vision.cli.configuration import composed, register
from calql_vision.datasets.buffer import EpisodeBuffer, MixedBuffer
from calql_vision.datasets.part import ALL, Part
from calql_vision.datasets.returns import RewardConfig
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.engine.demonstrations import load_demonstrations, proprio_statistics
from calql_vision.engine.learn import learn
from calql_vision.engine.learner_ranks import learner_ranks
from calql_vision.engine.seeds import sampling_generator
from calql_vision.stages import collect, finetune, pretrain
from calql_vision.types import EnvSpec, Episode

SPEC = EnvSpec("tabletop/lift", ("front", "wrist"), (16, 16), {"position": 3}, 4, 10, 10.0)
RANKS, BATCH, UPDATES = 2, 8, 3
TINY = ("scale=smoke", "task.image_size=16", "task.horizon=12")
TRAIN = (*TINY, "encoder.features=8", "algo.hidden=[16,16]", f"algo.batch_size={BATCH}",
         "threads=1", "task.effort=1", "scale.updates=4", "scale.online_steps=20",
         "scale.log_every=2", "scale.evaluations=1", "scale.validation_episodes=1",
         "algo.online.warmup_steps=0", "checkpoint_every=0",
         "data.path=data.hdf5")  # fmt: skip
LABELS = ("unbroken", "resumed", "sharded")
STAGES = {"pretrain": pretrain, "finetune": finetune}
CONFIGS = {
    "collect": collect.CollectConfig,
    "pretrain": pretrain.PretrainConfig,
    "finetune": finetune.FinetuneConfig,
}


def config(stage: str, *overrides: str):
    register(stage, CONFIGS[stage])
    return OmegaConf.to_object(composed(stage, list(overrides)))


def buffer(part: Part = ALL, seed: int = 0) -> EpisodeBuffer:
    """Four episodes of random numbers."""
    found, random = EpisodeBuffer(0.9, RewardConfig(), part=part), np.random.default_rng(seed)
    for number in range(4):
        steps = 5 + number
        found.append(
            Episode(
                images=random.integers(0, 256, (steps + 1, 2, 16, 16, 3), dtype=np.uint8),
                proprio=random.standard_normal((steps + 1, 3), dtype=np.float32),
                actions=random.uniform(-1, 1, (steps, 4)).astype(np.float32),
                rewards=np.eye(1, steps, steps - 1, dtype=np.float32)[0] * (number % 2),
                success=bool(number % 2),
            )
        )
    return found


def small(name: str):
    options = AGENTS[name].options(hidden=[16, 16], batch_size=BATCH)
    return build_agent(SPEC, options, CNNConfig(features=8), torch.device("cpu"), seed=3)


def what_a_rank_does(folder: Path) -> None:
    """Leaves what every algorithm has learnt here, and what the stages write."""
    with learner_ranks():
        part = Part(rank(), RANKS)
        sampler = MixedBuffer(buffer(part), buffer(part, seed=1), 0.5)
        found = {"rank": rank(), "told": made_by_rank_0(lambda: f"by {rank()}")}
        for name in AGENTS:
            agent = small(name)
            row = learn(agent, sampler, UPDATES, np.random.default_rng(0))
            found[name] = (agent.state_dict(), row)
    torch.save(found, folder / f"rank{found['rank']}.pt")
    os.chdir(folder)
    for label in LABELS:
        words = (*TRAIN, f"data.sharded={str(label == 'sharded').lower()}", f"algo.label={label}")
        for name, stage in STAGES.items():
            if label == "resumed":
                interrupt(stage, config(name, *words))
            stage.run(config(name, *words))
            torch.distributed.barrier()  # the next stage looks for what rank 0 writes


def interrupt(stage, settings) -> None:
    """Stop all ranks in the middle of the second row."""
    learn, calls = stage.learn, []

    def stopping(*arguments):
        calls.append(learn(*arguments))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return calls[-1]

    stage.learn = stopping
    with suppress(KeyboardInterrupt):
        stage.run(settings)
    stage.learn = learn
    wait_for_all_ranks()


@pytest.fixture(scope="module")
def launched(tmp_path_factory) -> Path:
    """Where two ranks have worked."""
    folder = tmp_path_factory.mktemp("ranks")
    collect.run(config("collect", *TINY, "scale.episodes=6", f"output={folder}/data.hdf5"))
    words = ["--nproc-per-node", str(RANKS), "--standalone", __file__, str(folder)]
    command = [sys.executable, "-m", "torch.distributed.run", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (folder / "printed.txt").write_text(run.stdout)
    return folder


@pytest.fixture(scope="module")
def left(launched) -> list[dict]:
    """What each rank has learnt."""
    return [torch.load(launched / f"rank{r}.pt", weights_only=True) for r in range(RANKS)]


def accumulated(agent, parts, updates: int, seed: int) -> dict[str, torch.Tensor]:
    """The weights after one process has added up the gradients of every rank's rows.

    `parts`: a rank's sampler and its generator, for each rank.
    """
    torch.set_num_threads(1)
    draws = [torch.Generator().manual_seed(rank_seed(seed, r)) for r in range(len(parts))]
    for _ in range(updates):
        for optimizer in agent.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        for agent.generator, (sampler, generator) in zip(draws, parts, strict=True):
            losses, _ = agent.losses(agent.encode(sampler.sample(BATCH, generator)))
            for name, loss in losses.items():
                trained = [p for g in agent.optimizers[name].param_groups for p in g["params"]]
                (loss / len(parts)).backward(inputs=trained)
        for name in losses:
            agent.optimizers[name].step()
        agent.follow_targets()
        agent.updates += 1
    return agent.state_dict()


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("name", AGENTS)
def test_two_ranks_equal_one_process_that_accumulates_their_halves(name, left):
    agent = small(name)
    parts = [
        (MixedBuffer(buffer(part), buffer(part, seed=1), 0.5), np.random.default_rng(0))
        for part in (Part(0, RANKS), Part(1, RANKS))
    ]
    before = {key: value.clone() for key, value in agent.state_dict().items()}
    after = accumulated(agent, parts, UPDATES, seed=3)
    assert any(not torch.equal(value, before[key]) for key, value in after.items())
    for found in left:
        assert_same(found[name][0], after)


@pytest.mark.parametrize("name", AGENTS)
def test_metrics_are_means_over_the_ranks(name, left):
    assert left[0][name][1] == left[1][name][1]
    assert all(np.isfinite(value) for value in left[0][name][1].values())


def test_the_ranks_parts_together_are_the_batch_of_one_process():
    whole = buffer().draw(BATCH, np.random.default_rng(5))
    parts = [buffer(Part(r, 3)).draw(BATCH, np.random.default_rng(5)) for r in range(3)]
    assert sorted(np.concatenate(parts)) == sorted(whole)
    assert [len(part) for part in parts] == [3, 3, 2]


def test_what_one_rank_makes_all_have(left):
    assert [found["told"] for found in left] == ["by 0", "by 0"]


def test_pretraining_under_torchrun_obeys_the_law(launched, monkeypatch):
    monkeypatch.chdir(launched)
    found = Checkpoint.load(Path("runs/tabletop/lift/unbroken/seed0/pretrain/checkpoint.pt"))
    settings = config("pretrain", *TRAIN)
    demonstrations = load_demonstrations(settings, found.spec)
    agent = build_agent(found.spec, settings.algo, settings.encoder, torch.device("cpu"), 0)
    agent.normalise_proprio(*proprio_statistics(demonstrations))
    parts = [(part_of(demonstrations, r), sampling_generator(0, "pretrain")) for r in range(RANKS)]
    assert_same(accumulated(agent, parts, found.updates, seed=0), found.weights)


def part_of(demonstrations: EpisodeBuffer, number: int) -> EpisodeBuffer:
    """The same episodes for another rank."""
    found = EpisodeBuffer(demonstrations.discount, demonstrations.reward)
    found.__dict__ |= demonstrations.__dict__ | {"part": Part(number, RANKS)}
    return found


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("label", LABELS)
def test_rank_0_alone_writes_and_speaks(label, launched):
    printed = (launched / "printed.txt").read_text()
    for stage in STAGES:
        folder = launched / "runs/tabletop/lift" / label / "seed0" / stage
        steps = [float(row["step"]) for row in rows(folder)]
        assert steps == sorted(set(steps))
        assert printed.count(f"{label}/seed0/{stage}/checkpoint.pt") == 1
    finished = Checkpoint.load(folder / "checkpoint.pt")
    assert finished.env_steps >= 20
    assert finished.updates > 4


@pytest.mark.parametrize("stage", STAGES)
def test_two_ranks_go_on_where_they_were(stage, launched):
    one, other = (launched / f"runs/tabletop/lift/{n}/seed0" / stage for n in LABELS[:2])
    assert f"{stage}: resumes at" in (launched / "printed.txt").read_text()
    first, second = (Checkpoint.load(folder / "checkpoint.pt") for folder in (one, other))
    assert_same(first.weights, second.weights)
    assert torch.equal(first.generator, second.generator)
    for row, again in zip(rows(one), rows(other), strict=True):
        clocks = {"wall_seconds", "updates_per_second"}
        assert all(row[name] == again[name] for name in row.keys() - clocks)


def test_a_batch_too_small_for_the_ranks_is_refused(monkeypatch):
    monkeypatch.setattr("calql_vision.engine.training.ranks", lambda: BATCH + 1)
    with pytest.raises(ValueError, match=r"algo\.batch_size=8 has no row"):
        pretrain.run(replace(config("pretrain", *TRAIN)))


def test_other_stages_are_not_for_torchrun(monkeypatch):
    from calql_vision import cli

    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setattr(sys, "argv", ["calql-vision", "evaluate"])
    with pytest.raises(SystemExit, match="torchrun is for pretrain and finetune"):
        cli.main()


if __name__ == "__main__":
    what_a_rank_does(Path(sys.argv[1]))
