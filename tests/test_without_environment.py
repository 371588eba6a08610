"""Offline learning from a recording of a robot that nobody can simulate."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from omegaconf import OmegaConf

from calql_vision import load_policy
from calql_vision.agents import build_agent
from calql_vision.agents.bc import BCConfig
from calql_vision.cli.configuration import composed, offer_tasks, register
from calql_vision.datasets.hdf5 import EpisodeWriter, read_episodes, read_spec
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.held_out import HeldOut, recorded_task, split_demonstrations
from calql_vision.stages import compare, convert, diagnose, evaluate, finetune, pretrain, report
from calql_vision.stages.convert import ConvertConfig
from calql_vision.types import EnvSpec

ROBOT = EnvSpec(
    name="unknown/so100",
    cameras=("top", "wrist"),
    image_size=(12, 16),
    proprio={"state": 6},
    action_dim=6,
    horizon=9,
    control_hz=30.0,
)
DEGREES = 90.0  # joints are commanded in degrees, as in recordings of real arms
TINY = (
    "task=none", "scale=smoke", "scale.updates=4", "scale.log_every=2", "scale.evaluations=2",
    "algo.hidden=[8]", "algo.batch_size=4", "encoder.features=8", "encoder.channels=[4]",
    "device=cpu", "threads=1",
)  # fmt: skip
STAGES = {
    "pretrain": (pretrain, pretrain.PretrainConfig),
    "finetune": (finetune, finetune.FinetuneConfig),
    "evaluate": (evaluate, evaluate.EvaluateConfig),
    "diagnose": (diagnose, diagnose.DiagnoseConfig),
    "report": (report, report.ReportConfig),
    "compare": (compare, compare.CompareConfig),
}


def config(stage: str, *words: str):
    register(stage, STAGES[stage][1])
    offer_tasks(list(words))
    return OmegaConf.to_object(composed(stage, list(words)))


def run(stage: str, *words: str):
    return STAGES[stage][0].run(config(stage, *words))


@pytest.fixture
def recorded(tmp_path, monkeypatch, random_episode) -> Path:
    """A LeRobot dataset as of a real arm: degrees, no environment, no mark of success; its action
    follows its joints. Then our `convert`."""
    monkeypatch.chdir(tmp_path)
    with EpisodeWriter(tmp_path / "made.hdf5", ROBOT, versions={}) as writer:
        for number in range(12):
            episode = random_episode(ROBOT, 6 + number % 4, success=True, seed=number)
            follows = np.tanh(episode.proprio[:-1]).astype(np.float32)
            writer.append(replace(episode, actions=follows))
    convert.run(ConvertConfig(source="made.hdf5", output="so100", format="lerobot"))
    in_degrees(Path("so100"))
    return convert.run(
        ConvertConfig(source="so100", output="so100.hdf5", success="all", rescale_actions=True)
    )


def in_degrees(folder: Path) -> None:
    (folder / "meta/env_args.json").unlink()
    path = folder / "data/chunk-000/file-000.parquet"
    table = pyarrow.parquet.read_table(path).drop_columns(["next.success", "next.reward"])
    rows = table.to_pylist()
    for row in rows:
        row["action"] = [DEGREES * value for value in row["action"]]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, table.schema), path)
    stats = json.loads((folder / "meta/stats.json").read_text())
    stats["action"] |= {"min": [-DEGREES] * 6, "max": [DEGREES] * 6}
    (folder / "meta/stats.json").write_text(json.dumps(stats))


def test_it_is_trained_held_against_held_out_demonstrations_and_acts(recorded, capsys):
    found = run("pretrain", *TINY, f"data.path={recorded}")
    assert "held out: 1 of 12 demos, the file's filter key valid" in capsys.readouterr().out
    folder = Path("runs/unknown/so100/cal_ql/seed0/pretrain")
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("action_error", "q_error", "td_loss", "actor_loss"):
        assert np.isfinite([float(row[f"held_out/{name}"]) for row in rows]).all()
    assert found["held_out/action_error"] == float(rows[-1]["held_out/action_error"])
    assert "evaluation/success_rate" not in rows[-1]
    policy = load_policy(folder / "checkpoint.pt", device="cpu")
    assert policy.spec == read_spec(recorded)
    assert (policy.spec.proprio, policy.spec.horizon) == ({"state": 6}, 9)
    images, state = np.zeros((2, 12, 16, 3), np.uint8), np.zeros(6, np.float32)
    action = policy.act({"images": images, "proprio": state})
    np.testing.assert_allclose(policy.command(action), DEGREES * action, rtol=1e-5)


def test_what_needs_an_environment_says_so_and_pages_show_what_there_is(recorded):
    run("pretrain", *TINY, f"data.path={recorded}")
    checkpoint = "checkpoint=runs/unknown/so100/cal_ql/seed0/pretrain/checkpoint.pt"
    for stage, *words in (
        ("evaluate", checkpoint),
        ("finetune", "task=none", checkpoint),
        ("finetune", "task=unknown/so100"),
        ("diagnose", "task=unknown/so100"),
    ):
        with pytest.raises(ValueError, match="names no environment, so that nothing can be rolled"):
            run(stage, *words)
    pages = (run("report", "task=unknown/so100"), run("compare", "tasks=[unknown/so100]"))
    for page in pages:
        html = page.read_text()
        assert "action error" in html
        assert "No periodic evaluation" not in html
        assert "success after pre-training" not in html
    assert (pages[0].parent / "figures/held_out.png").is_file()


def test_held_out_demonstrations_are_not_learnt_from(recorded):
    whole, spec = recorded_task(config("pretrain", *TINY, f"data.path={recorded}"))
    learnt, held_out = split_demonstrations(whole, spec)
    assert (learnt.episodes, held_out.episodes) == (11, 1)
    assert not set(map(bytes, learnt.all_actions())) & set(map(bytes, held_out.all_actions()))


def test_without_filter_keys_every_tenth_is_held_out(recorded, capsys):
    words = (*TINY, f"data.path={recorded}", "data.filter_key=train")
    whole, spec = recorded_task(config("pretrain", *words))
    learnt, held_out = split_demonstrations(whole, spec)
    assert (learnt.episodes, held_out.episodes) == (10, 1)
    assert "every tenth" in capsys.readouterr().out


def test_learning_shows_in_the_error_and_asking_changes_nothing(recorded):
    whole, spec = recorded_task(config("pretrain", *TINY, f"data.path={recorded}"))
    learnt, held_out = split_demonstrations(whole, spec)
    examined = HeldOut(spec, held_out)
    options = (BCConfig(hidden=[32], actor_lr=3e-3), CNNConfig(features=16, channels=[4]))
    agent = build_agent(spec, *options, torch.device("cpu"), seed=0)
    before, draws = examined.examine(agent), agent.generator.get_state()
    assert examined.examine(agent) == before
    assert torch.equal(agent.generator.get_state(), draws)
    random = np.random.default_rng(0)
    for _ in range(150):
        agent.update(learnt.sample(32, random))
    after = examined.examine(agent)
    assert after["held_out/action_error"] < 0.7 * before["held_out/action_error"]
    assert after["held_out/actor_loss"] < before["held_out/actor_loss"]


def test_too_little_is_refused(recorded, tmp_path):
    with pytest.raises(ValueError, match=r"give data.path=<file.hdf5>"):
        run("pretrain", *TINY)
    episode = next(read_episodes(recorded))
    with EpisodeWriter(tmp_path / "one.hdf5", read_spec(recorded), versions={}) as writer:
        writer.append(episode)
    with pytest.raises(ValueError, match="too few demos with transitions to hold one out"):
        run("pretrain", *TINY, f"data.path={tmp_path / 'one.hdf5'}")
