"""Laws of exported policies: they act as their checkpoint did, and say how well."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from calql_vision import load_policy
from calql_vision.agents import AGENTS, build_agent
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.runs.config import RunConfig, TaskConfig
from calql_vision.runs.evaluation import EvaluatedCheckpoint, Evaluation
from calql_vision.runs.exported import CARD, FACTS, WEIGHTS
from calql_vision.stages import evaluate, export, finetune
from calql_vision.stages.evaluate import EvaluateConfig
from calql_vision.stages.export import ExportConfig
from calql_vision.stages.finetune import FinetuneConfig
from calql_vision.types import EnvSpec

SHIPPED = Path(__file__).parent.parent / "docs/agents/lift"
Trained = Callable[..., Path]


@pytest.fixture
def trained(tmp_path, small_spec) -> Trained:
    """trained(algorithm) -> the checkpoint of an agent that has moved from where it began."""

    def make(name: str = "cal_ql") -> Path:
        config = RunConfig(algo={"label": name}, task=TaskConfig(dataset="none"), seed=3)
        cpu, options = torch.device("cpu"), replace(AGENTS[name].options(), averaged_actor=True)
        agent = build_agent(small_spec, options, CNNConfig(), cpu, seed=0)
        agent.normalise_proprio(torch.ones(3), 2 * torch.ones(3))
        for parameter in agent.parameters():
            parameter.data += 0.1 * torch.rand(parameter.shape)
        path = tmp_path / "runs/none" / name / "seed3/finetune/checkpoint.pt"
        Checkpoint.of(agent, small_spec, config, "finetune", 70).save(path)
        return path

    return make


def exported(checkpoint: Path) -> Path:
    return export.run(ExportConfig(str(checkpoint), str(checkpoint.parent / "exported")))


def observation(spec: EnvSpec) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (len(spec.cameras), *spec.image_size, 3), dtype=np.uint8)
    return {"images": images, "proprio": np.ones(spec.proprio_dim, dtype=np.float32)}


@pytest.mark.parametrize("name", AGENTS)
def test_an_exported_policy_acts_as_its_checkpoint(trained, name, small_spec):
    checkpoint = trained(name)
    seen = observation(small_spec)
    action = load_policy(checkpoint, "cpu").act(seen)
    np.testing.assert_array_equal(load_policy(exported(checkpoint), "cpu").act(seen), action)


def test_the_card_says_how_good_it_is_and_how_it_was_made(trained):
    checkpoint = trained()
    folder = checkpoint.parent.parent / "evaluate"
    found = Evaluation(np.array([True] * 3 + [False]), np.ones(4), np.full(4, 7))
    EvaluatedCheckpoint("finetune", str(checkpoint), found, None).save(folder)
    card = (exported(checkpoint) / CARD).read_text()
    assert str(found) in card
    assert "70 environment steps online, seed 3" in card
    assert "calql-vision evaluate checkpoint=" in card


def test_without_an_evaluation_the_card_claims_none(trained):
    assert "Not evaluated yet" in (exported(trained()) / CARD).read_text()


def test_a_policy_is_not_replaced_unless_told(trained):
    checkpoint = trained()
    folder = exported(checkpoint)
    with pytest.raises(ValueError, match="holds a policy; set overwrite=true"):
        exported(checkpoint)
    assert export.run(ExportConfig(str(checkpoint), str(folder), overwrite=True)) == folder


def test_a_missing_word_is_asked_for():
    with pytest.raises(ValueError, match="checkpoint is missing"):
        export.run(ExportConfig())


@pytest.mark.parametrize("name", [WEIGHTS, FACTS])
def test_a_damaged_policy_is_refused_by_name(trained, name):
    folder = exported(trained())
    (folder / name).write_bytes(b"{}")
    with pytest.raises(ValueError, match=str(folder)):
        load_policy(folder)


def test_a_folder_without_a_policy_is_refused(tmp_path):
    with pytest.raises(ValueError, match=f"it has no {FACTS}"):
        load_policy(tmp_path)


def test_fine_tuning_wants_the_checkpoint():
    with pytest.raises(ValueError, match="acts but does not learn"):
        finetune.run(FinetuneConfig(checkpoint=str(SHIPPED)))


def test_the_shipped_agent_is_small_and_lifts_before_any_training(tmp_path):
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1e6
    config = EvaluateConfig(
        checkpoint=str(SHIPPED), episodes=5, videos=0, output=str(tmp_path), device="cpu"
    )
    assert evaluate.run(config).success_rate == 1
