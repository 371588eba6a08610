"""A trained checkpoint acts in the environment it was trained in.

python examples/act.py runs/tabletop/lift/cal_ql/seed0/finetune/checkpoint.pt 10
"""

import sys

from calql_vision import load_policy, rollout


def main(path: str, episodes: str = "2") -> None:
    policy = load_policy(path)
    env = policy.make_env()
    for seed in range(int(episodes)):
        episode = rollout(env, policy, seed)
        print(f"seed {seed}: {len(episode)} steps, success: {episode.success}")
    env.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
