"""Laws of pre-training's schedule."""

from calql_vision.stages.pretrain import milestones


def test_evaluations_are_spread_evenly_and_the_last_is_at_the_end():
    steps = list(milestones(total=1000, log_every=300, evaluations=2))
    assert steps == [(300, False), (500, True), (600, False), (900, False), (1000, True)]
