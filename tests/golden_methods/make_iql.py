"""Runs the published update rules of IQL once; see README.md.

python make_iql.py CHECKOUT_OF_IMPLICIT_Q_LEARNING
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np
from flax_models import adam, arrays, gradient, moved_towards, random_params, with_log_std
from transitions import ACTION, DISCOUNT, HIDDEN, LEARNING_RATE, TAU, transitions

# Their sampling function, not needed here, is compiled with an argument name that jax now refuses.
jax.jit = lambda function, **_: function
sys.path.insert(0, sys.argv[1])
import actor as published_actor  # noqa: E402
import critic as published_critic  # noqa: E402
from common import Batch, Model  # noqa: E402
from policy import NormalTanhPolicy  # noqa: E402
from value_net import DoubleCritic, ValueCritic  # noqa: E402

CASES = {
    "iql": {"expectile": 0.7, "inverse_temperature": 3.0},
    "iql_capped": {"expectile": 0.9, "inverse_temperature": 10.0},
}


def model(module, seed: int, *inputs) -> Model:
    params = random_params(module, seed, *inputs)
    return Model(1, module, params, adam(), adam().init(params))


def models(batch: Batch) -> dict[str, Model]:
    critic = DoubleCritic(HIDDEN)
    policy = NormalTanhPolicy(
        HIDDEN,
        ACTION,
        log_std_min=-5.0,
        state_dependent_std=False,
        tanh_squash_distribution=False,
    )
    actor = model(policy, 4, batch.observations)
    value = model(ValueCritic(HIDDEN), 3, batch.observations)
    value.params["MLP_0"]["Dense_2"]["bias"] -= 1.0  # gives advantages of both signs
    return {
        "critic": model(critic, 1, batch.observations, batch.actions),
        "target_critic": model(critic, 2, batch.observations, batch.actions),
        "value": value,
        "actor": actor.replace(params=with_log_std(actor.params, [-1.0, -0.5, 0.2])),
    }


def record(options: dict) -> dict[str, np.ndarray]:
    inputs = transitions(np.random.default_rng(0))
    batch = Batch(**inputs)
    before = models(batch)
    critic, target, value, actor = before.values()
    new, info = {}, {}
    new["value"], info["value"] = published_critic.update_v(
        target, value, batch, options["expectile"]
    )
    new["actor"], info["actor"] = published_actor.update(
        jax.random.PRNGKey(0), actor, target, value, batch, options["inverse_temperature"]
    )
    new["critic"], info["critic"] = published_critic.update_q(critic, value, batch, DISCOUNT)
    options = options | {"discount": DISCOUNT, "tau": TAU, "lr": LEARNING_RATE}
    stored = {"options": json.dumps(options)}
    stored |= {f"batch/{name}": array for name, array in inputs.items()}
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
