"""Small flax models with random weights for the published code, and their weights as arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from transitions import LEARNING_RATE


def remember_gradient() -> optax.GradientTransformation:
    """An optimizer's first link that keeps the gradient as its state and passes it on."""
    return optax.GradientTransformation(lambda params: params, lambda grads, *_: (grads, grads))


def adam() -> optax.GradientTransformation:
    return optax.chain(remember_gradient(), optax.adam(LEARNING_RATE))


def gradient(model):
    """What the last `apply_gradient` of a model with the optimizer above has seen."""
    return model.opt_state[0]


def random_params(module, seed: int, *inputs):
    """The module's own initial weights, moved at random so that no bias is zero."""
    params = module.init(jax.random.PRNGKey(seed), *inputs)["params"]
    draws = np.random.default_rng(seed)
    return jax.tree.map(lambda p: p + 0.2 * draws.normal(size=p.shape).astype(np.float32), params)


def with_log_std(params, log_std):
    return {**params, "log_stds": jnp.asarray(log_std, dtype=jnp.float32)}


def arrays(prefix: str, params) -> dict[str, np.ndarray]:
    """`prefix/layer/kernel` (or bias) -> array, the two critics stacked; a policy's log_std too."""
    if "Critic_1" in params:
        params = jax.tree.map(lambda *two: jnp.stack(two), params["Critic_0"], params["Critic_1"])
    params = params.get("VmapCritic_0", params)
    layers = [params["MLP_0"][name] for name in sorted(params["MLP_0"])]
    if "Dense_0" in params:
        layers.append(params["Dense_0"])
    named = {
        f"{prefix}/{number}/{part}": np.asarray(value)
        for number, layer in enumerate(layers)
        for part, value in layer.items()
    }
    if "log_stds" in params:
        named[f"{prefix}/log_std"] = np.asarray(params["log_stds"])
    return named


def moved_towards(target, online, tau: float):
    return jax.tree.map(lambda old, new: new * tau + old * (1 - tau), target, online)
