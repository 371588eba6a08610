"""An environment by hand: observations, actions, success.

python examples/step_environment.py [tabletop/lift]
"""

import sys

from calql_vision import make_env


def main(name: str = "tabletop/lift") -> None:
    env = make_env(name, image_size=64)
    print(env.pixel_spec)
    observation, info = env.reset(seed=0)
    steps, over = 0, False
    while not over:
        action = env.action_space.sample()  # float32 [A] in [-1, 1]; yours comes from observation
        observation, _, terminated, truncated, info = env.step(action)
        steps, over = steps + 1, terminated or truncated
    print("images", observation["images"].shape, "proprioception", observation["proprio"].shape)
    print(f"{steps} steps, success: {info['success']}")
    env.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
