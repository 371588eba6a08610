"""Checkpoints, damaged in bytes and in structure: refused in a sentence, or what they were."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from calql_vision.agents import Agent
from calql_vision.engine.checkpoint import Checkpoint
from calql_vision.types import Observation
from tests.faults.mutate import mutated_bytes, mutated_content
from tests.faults.outcome import Row, outcome
from tests.faults.project import TASK, WORDS, call, project

STAGES = 50  # so many mutations per one that evaluate and finetune are given as well
CPU = torch.device("cpu")


def run(count: int, seed: int) -> list[Row]:
    """`count` mutations, one of three of bytes."""
    row = Row("checkpoints")
    with project("collect", "pretrain") as folder:
        source = folder / f"runs/{TASK}/cal_ql/seed0/pretrain/checkpoint.pt"
        content, weights = torch.load(source, weights_only=True), _built(source).state_dict()
        path = folder / "mutated.pt"
        for number in range(count):
            random = Random(f"{seed}/{number}")
            use: Callable[[Agent], None] = partial(_compare, weights)
            if number % 3:
                changed, what = _mutated(content, random)
                torch.save(changed, path)
                use = _used
            else:
                damaged, what = mutated_bytes(source.read_bytes(), random)
                path.write_bytes(damaged)
            found = outcome(partial(_loaded, path, use))
            problem = found.problem or (number % STAGES == 0 and _stage_problem(path)) or None
            told = found.sentence is not None
            row.count(problem, told, f"{what}, seed {seed}, number {number}")
    return [row]


def _loaded(path: Path, use: Callable[[Agent], None]) -> None:
    use(_built(path))


def _built(path: Path) -> Agent:
    return Checkpoint.load(path).build(CPU)


def _mutated(content: dict[str, Any], random: Random) -> tuple[Any, str]:
    """A change of the plain values, or of one tensor."""
    if random.random() < 0.7:
        return mutated_content(content, random)
    name = random.choice(list(content["weights"]))
    kind = random.choice(list(_TENSORS))
    changed = content["weights"] | {name: _TENSORS[kind](content["weights"][name])}
    return content | {"weights": changed}, f".weights.{name} {kind}"


_TENSORS: dict[str, Callable[[Tensor], Any]] = {
    "longer": lambda value: torch.cat([value.reshape(-1), torch.zeros(1)]),
    "empty": lambda value: value.new_empty(0),
    "of doubles": lambda value: value.double(),
    "of integers": lambda value: value.long(),
    "not a number": lambda value: torch.full_like(value, math.nan),
    "infinite": lambda value: torch.full_like(value, math.inf),
    "sparse": lambda value: value.reshape(-1).to_sparse(),
    "claims more than it holds": lambda value: value.new_zeros(1).expand(10**9),
    "a list": lambda value: value.tolist(),
}


def _used(agent: Agent) -> None:
    """What was let in must act, and have been let in for a reason."""
    shape = agent.encoder.shape
    images = torch.zeros(1, shape.views, shape.height, shape.width, shape.channels).byte()
    action = agent.act(Observation(images, torch.zeros(1, shape.proprio)), deterministic=True)
    assert action.isfinite().all()


def _compare(weights: dict[str, Tensor], agent: Agent) -> None:
    """What was let in must be what it was."""
    found = agent.state_dict()
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def _stage_problem(path: Path) -> str | None:
    """What the stages that read checkpoints make of it."""
    words = (f"checkpoint={path}", "output=tried")
    found = [outcome(lambda: call("evaluate", *WORDS["evaluate"], *words))]
    found += [outcome(lambda: call("finetune", *WORDS["finetune"], *words, "overwrite=true"))]
    return next((each.problem for each in found if each.problem), None)
