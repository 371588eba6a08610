"""A policy that was trained without an environment (pretrain task=none), in a loop of your own.

python examples/act_without_simulator.py runs/unknown/so100/cal_ql/seed0/pretrain/checkpoint.pt 100
"""

import sys

import numpy as np

from calql_vision import load_policy


def main(path: str, steps: str = "10") -> None:
    policy = load_policy(path)
    spec = policy.spec
    print(f"{spec.cameras} of {spec.image_size} pixels, {spec.proprio}, {spec.control_hz} Hz")
    policy.reset()  # before each episode
    for _ in range(int(steps)):
        # Your robot's cameras, in this order, upright, RGB, and its joints take the place of
        # grey pictures and zeros.
        images = np.full((len(spec.cameras), *spec.image_size, 3), 128, dtype=np.uint8)
        joints = np.zeros(spec.proprio_dim, dtype=np.float32)
        action = policy.act({"images": images, "proprio": joints})  # each number in [-1, 1]
        print(policy.command(action))  # in the units of your recordings: what to send


if __name__ == "__main__":
    main(*sys.argv[1:])
