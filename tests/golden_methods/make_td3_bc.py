"""Runs the published update of TD3+BC once; see README.md.

python make_td3_bc.py CHECKOUT_OF_TD3_BC
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from transitions import ACTION, DISCOUNT, HIDDEN, LEARNING_RATE, OBSERVATION, TAU, transitions

CASES = {"td3_bc": {"q_weight": 2.5, "noise": 1.0}, "td3_bc_clipped": {"q_weight": 0.7, "noise": 4}}
NOISE = {"target_noise": 0.2, "target_noise_clip": 0.5}
NETWORKS = ("actor", "critic", "actor_target", "critic_target")

# The published sizes of the layers stand in the code; ours are smaller.
published = ModuleType("published")
text = (Path(sys.argv[1]) / "TD3_BC.py").read_text().replace("256", str(HIDDEN[0]))
exec(compile(text, "TD3_BC.py", "exec"), vars(published))


class OneBatch:
    """A replay buffer that holds the batch alone."""

    def __init__(self, inputs: dict[str, np.ndarray]):
        b = {name: torch.from_numpy(value) for name, value in inputs.items()}
        self.batch = (
            b["observations"],
            b["actions"],
            b["next_observations"],
            b["rewards"][:, None],
            b["masks"][:, None],
        )

    def sample(self, batch_size: int):
        return self.batch


def trainer(options: dict):
    torch.manual_seed(0)
    made = published.TD3_BC(
        OBSERVATION,
        ACTION,
        1.0,
        discount=DISCOUNT,
        tau=TAU,
        policy_noise=NOISE["target_noise"],
        noise_clip=NOISE["target_noise_clip"],
        policy_freq=1,
        alpha=options["q_weight"],
    )
    with torch.no_grad():
        for network in NETWORKS:
            for parameter in getattr(made, network).parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def together(members: list[np.ndarray]) -> np.ndarray:
    """A copy: of two critics stacked, of one actor as it is."""
    return np.stack(members) if len(members) > 1 else members[0].copy()


def arrays(prefix: str, network: torch.nn.Module, read=torch.Tensor.detach) -> dict:
    """`prefix/layer/kernel` (or bias) -> array [in, out]; the two critics stacked."""
    layers = list(network.children())
    depth = len(HIDDEN) + 1
    stored = {}
    for number in range(depth):
        members = layers[number::depth]
        kernels = [read(layer.weight).T.numpy() for layer in members]
        biases = [read(layer.bias).numpy() for layer in members]
        stored[f"{prefix}/{number}/kernel"] = together(kernels)
        stored[f"{prefix}/{number}/bias"] = together(biases)
    return stored


def train(made, inputs: dict, noise: torch.Tensor) -> tuple[dict, dict]:
    """One published update with this noise: losses, and gradients as each optimizer sees them."""
    losses, gradients = [], {}

    def keep(name: str):
        return lambda *_: gradients.update(
            arrays(f"gradient/{name}", getattr(made, name), lambda p: p.grad)
        )

    for name in ("critic", "actor"):
        getattr(made, f"{name}_optimizer").register_step_pre_hook(keep(name))
    backward, randn_like = torch.Tensor.backward, torch.randn_like
    torch.Tensor.backward = lambda loss: (losses.append(loss.item()), backward(loss))
    torch.randn_like = lambda _: noise
    made.train(OneBatch(inputs))
    torch.Tensor.backward, torch.randn_like = backward, randn_like
    return dict(zip(("critic", "actor"), losses, strict=True)), gradients


def outcome(name: str, made, inputs: dict, noise: torch.Tensor) -> dict[str, np.ndarray]:
    """What the update does to the network `name` and its target."""
    losses, gradients = train(made, inputs, noise)
    return {
        f"loss/{name}": np.array(losses[name], dtype=np.float32),
        **{key: value for key, value in gradients.items() if key.startswith(f"gradient/{name}/")},
        **arrays(f"after/{name}", getattr(made, name)),
        **arrays(f"after/target_{name}", getattr(made, f"{name}_target")),
    }


def record(options: dict) -> dict[str, np.ndarray]:
    inputs = transitions(np.random.default_rng(0))
    draws = np.random.default_rng(1).normal(size=inputs["actions"].shape)
    noise = torch.from_numpy(options["noise"] * draws).float()
    made, still = trainer(options), trainer(options)
    # The published actor climbs the critics after their step. Where they stand still, its loss
    # is the one at the weights before.
    still.critic_optimizer.param_groups[0]["lr"] = 0.0
    options = options | NOISE | {"discount": DISCOUNT, "tau": TAU, "lr": LEARNING_RATE}
    stored = {"options": json.dumps(options), "noise/next": noise.numpy()}
    stored |= {f"batch/{name}": array for name, array in inputs.items()}
    for name in ("critic", "actor"):
        stored |= arrays(f"before/{name}", getattr(made, name))
        stored |= arrays(f"before/target_{name}", getattr(made, f"{name}_target"))
    return stored | outcome("critic", made, inputs, noise) | outcome("actor", still, inputs, noise)


if __name__ == "__main__":
    for name, options in CASES.items():
        np.savez_compressed(Path(__file__).with_name(f"{name}.npz"), **record(options))
