"""Agreement with the authors' implementation, number by number.

The official update draws its random numbers anew for each loss whose gradient it takes (its
generator is stateful and every loss is traced by itself), so that `out/*` belongs to the last
loss alone. `golden_draws/` holds the draws behind the gradients of the others; see its README.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from calql_vision.agents.cal_ql import CalQL, CalQLConfig, ConservativeActions, bound_rates
from calql_vision.agents.soft import SampledActions, SoftAgent, SoftConfig
from calql_vision.datasets.returns import returns_to_go
from calql_vision.encoders.cnn import CNNConfig
from calql_vision.encoders.pixels import ObservationShape
from calql_vision.types import FeatureBatch

GOLDEN = Path(os.environ.get("CALQL_GOLDEN_DIR", Path(__file__).parent / "golden"))
DRAWS = Path(__file__).parent / "golden_draws"
CASES = sorted(GOLDEN.glob("*.npz"))
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


class Case:
    """One golden file: its arrays as tensors, by path."""

    def __init__(self, path: Path):
        self.arrays = dict(np.load(path))
        self.draws = dict(np.load(DRAWS / path.name))
        self.options = json.loads(str(self.arrays.pop("config_json")))

    def __getitem__(self, key: str) -> torch.Tensor:
        return torch.from_numpy(np.asarray(self.arrays[key], dtype=np.float32))

    def critics(self, layer: int, part: str, group: str) -> torch.Tensor:
        path = f"params/FullyConnectedNetwork_0/Dense_{layer}/{part}"
        return torch.stack([self[f"{group}/{critic}/{path}"] for critic in ("qf1", "qf2")])

    def policy(self, layer: int, part: str, group: str) -> torch.Tensor:
        return self[f"{group}/policy/params/base_network/Dense_{layer}/{part}"]

    def log_std(self, which: str, group: str) -> torch.Tensor:
        return self[f"{group}/policy/params/log_std_{which}_module/value"]


def config_of(options: dict) -> SoftConfig:
    common = {
        "actor_lr": options["policy_lr"],
        "critic_lr": options["qf_lr"],
        "hidden": [16, 16],
        "tau": options["soft_target_update_rate"],
        "layer_norm": False,
        "n_actions": options["cql_n_actions"],
        "max_target_backup": options["cql_max_target_backup"],
        "backup_entropy": options["backup_entropy"],
        "target_entropy": options["target_entropy"],
    }
    if not options["use_cql"]:
        return SoftConfig(**common)
    return CalQLConfig(
        **common,
        calibrated=options["enable_calql"],
        penalty_weight=options["cql_min_q_weight"],
        importance_sampling=options["cql_importance_sample"],
        log_sum_exp_temperature=options["cql_temp"],
        clip_min=options["cql_clip_diff_min"],
        clip_max=options["cql_clip_diff_max"],
        lagrange=options["cql_lagrange"],
        target_action_gap=options["cql_target_action_gap"],
    )


def critic_tensors(critic, read) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Pairs (ours, golden): the first kernel is split into features and actions."""
    first, count = read(0, "kernel"), critic.from_features.weight.shape[1]
    pairs = [
        (critic.from_features.weight, first[:, :count]),
        (critic.from_actions.weight, first[:, count:]),
        (critic.from_features.bias, read(0, "bias")[:, None]),
    ]
    for number, layer in enumerate([*critic.layers, critic.head], start=1):
        pairs.append((layer.weight, read(number, "kernel")))
        pairs.append((layer.bias, read(number, "bias")[:, None]))
    return pairs


def actor_tensors(actor, case: Case, group: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    linears = [layer for layer in actor.body if isinstance(layer, torch.nn.Linear)]
    pairs = [
        (actor.log_std_multiplier, case.log_std("multiplier", group)),
        (actor.log_std_offset, case.log_std("offset", group)),
    ]
    for number, layer in enumerate(linears):
        pairs.append((layer.weight, case.policy(number, "kernel", group).T))
        pairs.append((layer.bias, case.policy(number, "bias", group)))
    return pairs


def all_tensors(agent, case: Case, group: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Every trained tensor beside its golden value in `group` (params, grads, params_after)."""
    pairs = critic_tensors(agent.critic, lambda n, part: case.critics(n, part, group))
    pairs += actor_tensors(agent.actor, case, group)
    pairs.append((agent.log_temperature, case[f"{group}/log_alpha/params/value"]))
    if case.options["cql_lagrange"]:
        pairs.append((agent.log_lagrange, case[f"{group}/log_alpha_prime/params/value"]))
    return pairs


def target_tensors(agent, case: Case, group: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return critic_tensors(agent.target_critic, lambda n, part: case.critics(n, part, group))


def build(case: Case) -> SoftAgent:
    config = config_of(case.options)
    kind = CalQL if isinstance(config, CalQLConfig) else SoftAgent
    shape = ObservationShape(views=1, height=8, width=8, channels=3, proprio=1)
    encoder = CNNConfig(features=6)
    agent = kind(shape, 3, encoder, config, torch.device("cpu"), seed=0)
    with torch.no_grad():
        for ours, golden in all_tensors(agent, case, "params") + target_tensors(
            agent, case, "target_params"
        ):
            ours.copy_(golden)
    return agent


def batch_of(case: Case) -> FeatureBatch:
    here, following = case["batch/observations"], case["batch/next_observations"]
    return FeatureBatch(
        features=here,
        actor_features=here,
        action=case["batch/actions"],
        reward=case["batch/rewards"],
        discount=case.options["discount"] * (1 - case["batch/dones"]),
        next_features=following,
        next_actor_features=following,
        return_to_go=case["batch/mc_returns"],
        success=torch.ones(len(here), dtype=torch.bool),
    )


def samples_of(case: Case, agent: SoftAgent, batch: FeatureBatch) -> SampledActions:
    """The official code's draws; the policy's own with its gradient, by its noise."""
    new, new_log_prob = agent.actor(batch.actor_features).sample(case["noise/new_actions"])
    target = case["out/new_next_actions"]
    target = target[:, None] if target.ndim == 2 else target
    target_log_prob = case["out/next_log_pi"][:, None].expand(target.shape[:2])
    common = (new, new_log_prob, target, target_log_prob)
    if not case.options["use_cql"]:
        return SampledActions(*common)
    return ConservativeActions(
        *common,
        random=case["out/cql_random_actions"],
        current=case["out/cql_current_actions"],
        current_log_prob=case["out/cql_current_log_pis"],
        next=case["out/cql_next_actions"],
        next_log_prob=case["out/cql_next_log_pis"],
    )


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def golden(request):
    case = Case(request.param)
    agent = build(case)
    batch = batch_of(case)
    return case, agent, batch, samples_of(case, agent, batch)


def close(ours: torch.Tensor, golden: torch.Tensor) -> None:
    torch.testing.assert_close(ours.detach(), golden.reshape(ours.shape), **CLOSE)


def test_all_cases_are_here():
    assert len(CASES) == 8


def test_the_policy_samples_and_scores_as_the_official_one(golden):
    case, _, _, samples = golden
    close(samples.new, case["out/new_actions"])
    close(samples.new_log_prob, case["out/log_pi"])


def test_losses_equal_the_official_ones(golden):
    case, agent, batch, samples = golden
    losses, _ = agent.losses(batch, samples)
    close(losses["critic"], case["out/qf1_loss"] + case["out/qf2_loss"])
    close(losses["actor"], case["out/policy_loss"])
    close(losses["temperature"], case["out/alpha_loss"])
    close(agent.td_target(batch, samples), case["out/td_target"])
    if case.options["cql_lagrange"]:
        close(losses["lagrange"], case["out/alpha_prime_loss"])


def test_metrics_equal_the_official_ones(golden):
    case, agent, batch, samples = golden
    _, metrics = agent.losses(batch, samples)
    close(metrics["td_loss"], case["out/qf1_bellman_loss"] + case["out/qf2_bellman_loss"])
    close(metrics["q_data"], (case["out/q1_pred"] + case["out/q2_pred"]).mean() / 2)
    if case.options["use_cql"]:
        close(metrics["penalty"], case["out/cql_min_qf1_loss"] + case["out/cql_min_qf2_loss"])
        rates = [case[k] for k in case.arrays if k.startswith("out/bound_rate")]
        close(metrics["bound_rate"], torch.stack(rates).mean())
        close(metrics["bound_rate_success"], metrics["bound_rate"])


LOSSES = ("policy", "qf1", "qf2", "log_alpha", "log_alpha_prime")


def redrawn(case: Case, agent: SoftAgent, batch: FeatureBatch, loss: str) -> SampledActions:
    """The samples under which the official code took the gradient of `loss`."""
    samples = vars(samples_of(case, agent, batch)).copy()
    for key, value in case.draws.items():
        owner, name = key.split("/")
        if owner == loss and name != "new_noise":
            samples[name.replace("target_actions", "target")] = torch.from_numpy(value)
    if f"{loss}/new_noise" in case.draws:
        noise = torch.from_numpy(case.draws[f"{loss}/new_noise"])
        samples["new"], samples["new_log_prob"] = agent.actor(batch.actor_features).sample(noise)
    return (ConservativeActions if case.options["use_cql"] else SampledActions)(**samples)


def tensors_of(loss: str, agent, case: Case, group: str) -> list:
    """What `loss` trains, ours beside golden; of a critic, its member of the ensemble."""
    if loss == "policy":
        return actor_tensors(agent.actor, case, group)
    if loss.startswith("log"):
        ours = agent.log_temperature if loss == "log_alpha" else agent.log_lagrange
        return [(ours, case[f"{group}/{loss}/params/value"])]
    return critic_tensors(agent.critic, lambda n, part: case.critics(n, part, group))


def member(loss: str, tensor: torch.Tensor) -> torch.Tensor:
    """The part of an ensemble's tensor that belongs to qf1 or qf2; others are whole."""
    return tensor[int(loss[-1]) - 1] if loss.startswith("qf") else tensor


def trained(path: Path) -> list[str]:
    """The losses of a case: the Lagrange weight's only where it is learnt."""
    groups = {key.split("/")[1] for key in np.load(path).files if key.startswith("params/")}
    return sorted(groups & set(LOSSES))


@pytest.mark.parametrize(
    ("path", "loss"),
    [(path, loss) for path in CASES for loss in trained(path)],
    ids=lambda value: getattr(value, "stem", value),
)
def test_gradients_and_the_step_equal_the_official_ones(path, loss):
    case = Case(path)
    agent, batch = build(case), batch_of(case)
    agent.step(agent.losses(batch, redrawn(case, agent, batch, loss))[0])
    for ours, expected in tensors_of(loss, agent, case, "grads"):
        close(member(loss, ours.grad), member(loss, expected))
    for ours, expected in tensors_of(loss, agent, case, "params_after"):
        close(member(loss, ours), member(loss, expected))
    if loss.startswith("qf"):
        for ours, expected in target_tensors(agent, case, "target_params_after"):
            close(member(loss, ours), member(loss, expected))


def test_failed_episodes_can_be_left_out_of_the_bound_rate():
    case = Case(GOLDEN / "calql.npz")
    batch = batch_of(case)
    q = batch.return_to_go[None, :, None] + torch.tensor([-1.0] * 4 + [1.0] * 4)[None, :, None]
    rates = bound_rates(q, FeatureBatch(**vars(batch) | {"success": torch.arange(8) < 4}))
    assert rates["bound_rate"] == 0.5
    assert rates["bound_rate_success"] == 1.0


@pytest.mark.parametrize(
    "case", json.loads((GOLDEN / "returns_to_go.json").read_text()), ids=lambda c: c["name"]
)
def test_returns_to_go_equal_the_official_ones(case):
    failure = None
    if case["sparse_reward"]:
        raw = case["negative_reward_before_scaling"]
        failure = raw * case["reward_scale"] + case["reward_bias"]
    result = returns_to_go(case["rewards"], case["terminals"], case["discount"], failure)
    np.testing.assert_allclose(result, case["returns_to_go"], rtol=1e-4, atol=1e-5)
