"""How much of everything: the amounts that `scale=smoke|small|paper` sets."""

from dataclasses import dataclass


@dataclass
class ScaleConfig:
    """Amounts for a task of ordinary effort; `task.effort` multiplies those of training."""

    episodes: int = 150  # demonstrations to collect
    updates: int = 6000  # gradient steps of pre-training
    online_steps: int = 2500  # environment steps of fine-tuning
    log_every: int = 200  # gradient steps of pre-training per row of metrics
    evaluations: int = 5  # periodic evaluations per training stage
    validation_episodes: int = 25  # of each periodic evaluation
    evaluation_episodes: int = 100  # of the stage `evaluate`
