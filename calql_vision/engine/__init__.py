"""What runs: the two loops, policies, evaluation, checkpoints, logs and seeds."""
