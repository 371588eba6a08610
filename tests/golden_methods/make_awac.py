"""Runs the update rules of jaxrl's AWAC once; see README.md.

python make_awac.py CHECKOUT_OF_JAXRL
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
from flax_models import adam, arrays, gradient, moved_towards, random_params, with_log_std
from transitions import ACTION, DISCOUNT, HIDDEN, LEARNING_RATE, TAU, transitions

# Packages without their __init__, which would import simulators.
for package in ("jaxrl", "jaxrl/agents", "jaxrl/agents/awac", "jaxrl/agents/sac", "jaxrl/networks"):
    module = ModuleType(package.replace("/", "."))
    module.__path__ = [str(Path(sys.argv[1]) / package)]
    sys.modules[module.__name__] = module
sys.path.insert(0, str(Path(sys.argv[1]) / "jaxrl" / "datasets"))
from dataset import Batch  # noqa: E402

sys.modules["jaxrl.datasets"] = ModuleType("jaxrl.datasets")
sys.modules["jaxrl.datasets"].Batch = Batch

import jaxrl.agents.awac.actor as published_actor  # noqa: E402
import jaxrl.agents.sac.critic as published_critic  # noqa: E402
from jaxrl.networks.common import Model  # noqa: E402
from jaxrl.networks.critic_net import DoubleCritic  # noqa: E402
from jaxrl.networks.policies import NormalTanhPolicy  # noqa: E402

CASES = {"awac": {"temperature": 1.0}, "awac_greedy": {"temperature": 0.2}}
KEY_OF_CRITIC, KEY_OF_ACTOR = jax.random.split(jax.random.PRNGKey(0))


def model(module, seed: int, *inputs) -> Model:
    params = random_params(module, seed, *inputs)
    return Model(1, module.apply, params, adam(), adam().init(params))


def models(batch: Batch) -> dict[str, Model]:
    policy = NormalTanhPolicy(
        HIDDEN, ACTION, state_dependent_std=False, tanh_squash_distribution=False
    )
    # Narrow and inside the range: the published policy does not clip its samples, ours does.
    actor = model(policy, 4, batch.observations)
    final = {name: 0.2 * value for name, value in actor.params["Dense_0"].items()}
    params = with_log_std({**actor.params, "Dense_0": final}, [-3.0, -2.5, -2.0])
    return {
        "critic": model(DoubleCritic(HIDDEN), 1, batch.observations, batch.actions),
        "target_critic": model(DoubleCritic(HIDDEN), 2, batch.observations, batch.actions),
        "actor": actor.replace(params=params),
    }


def noise(actor: Model, observations, key, **shape) -> np.ndarray:
    """The standard-normal draws behind the sample that the published code takes with `key`."""
    policy = actor(observations)
    sample = policy.sample(seed=key, **shape)
    assert abs(sample).max() < 1, "clipping would change it"
    return np.asarray((sample - policy.mean()) / policy.stddev()).reshape(-1, ACTION)


def record(options: dict) -> dict[str, np.ndarray]:
    inputs = transitions(np.random.default_rng(0))
    batch = Batch(**inputs)
    before = models(batch)
    critic, target, actor = before.values()
    new, info = {}, {}
    new["critic"], info["critic"] = published_critic.update(
        KEY_OF_CRITIC, actor, critic, target, None, batch, DISCOUNT, False
    )
    new["actor"], info["actor"] = published_actor.update(
        KEY_OF_ACTOR, actor, critic, batch, 1, options["temperature"]
    )
    options = options | {"discount": DISCOUNT, "tau": TAU, "lr": LEARNING_RATE}
    stored = {"options": json.dumps(options)}
    stored |= {f"batch/{name}": array for name, array in inputs.items()}
    stored["noise/policy"] = noise(actor, batch.observations, KEY_OF_ACTOR, sample_shape=[1])
    stored["noise/next"] = noise(actor, batch.next_observations, KEY_OF_CRITIC)
    for name, each in before.items():
        stored |= arrays(f"before/{name}", each.params)
    for name, each in new.items():
        stored[f"loss/{name}"] = np.asarray(info[name][f"{name}_loss"])
        stored |= arrays(f"gradient/{name}", gradient(each))
        stored |= arrays(f"after/{name}", each.params)
    followed = moved_towards(target.params, new["critic"].params, TAU)
    return stored | arrays("after/target_critic", followed)


if __name__ == "__main__":
    for name, options in CASES.items():
        np.savez_compressed(Path(__file__).with_name(f"{name}.npz"), **record(options))
