"""The loop that steps environments; demonstrations, online episodes and evaluations share it."""

import numpy as np

from calql_vision.types import Episode, PixelEnv, Policy


def rollout(
    env: PixelEnv,
    policy: Policy,
    seed: int,
    record_states: bool = False,
    most_steps: int | None = None,
) -> Episode:
    """One whole episode from a seeded start, until success, the time limit or `most_steps`.

    With `record_states` the simulator states and the model come along, so that the episode can
    be replayed and rendered again.
    """
    observation, _ = env.reset(seed=seed)
    policy.reset()
    observations, actions, rewards = [observation], [], []
    states = [env.get_state()] if record_states else None
    success = ended = False
    while not ended:
        action = np.asarray(policy.act(observation), dtype=np.float32)
        observation, reward, terminated, truncated, info = env.step(action)
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
        if states is not None:
            states.append(env.get_state())
        success = bool(info["success"])
        ended = terminated or truncated or len(actions) == most_steps
    return Episode(
        images=np.stack([o["images"] for o in observations]),
        proprio=np.stack([o["proprio"] for o in observations]),
        actions=np.stack(actions),
        rewards=np.asarray(rewards, dtype=np.float32),
        success=success,
        states=np.stack(states) if states is not None else None,
        model=env.model_xml() if record_states else None,
    )
