"""Laws of how often a run's state is saved."""

import pytest

from calql_vision.engine.pace import SHARE, Pace


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def times(every: float | None, cost: float, until: float = 10_000.0) -> list[float]:
    """When a job of that cost is begun by who asks every second whether it is due."""
    clock, found = Clock(), []
    pace = Pace(every, clock)
    while clock.now < until:
        clock.now += 1
        if pace.due():
            found.append(clock.now)
            with pace.work():
                clock.now += cost
    return found


@pytest.mark.parametrize("cost", [0.01, 0.1, 2.0])
def test_it_costs_its_share_of_the_time_at_most(cost):
    begun = times(None, cost)
    spent, passed = cost * (len(begun) - 1), begun[-1] - begun[0]
    assert 0.5 * SHARE < spent / passed <= SHARE


def test_the_first_is_due_at_once():
    assert times(None, 1.0)[0] == times(60.0, 1.0)[0] == 1.0


def test_a_stated_interval_holds_whatever_it_costs():
    assert times(60.0, 5.0, until=200) == [1.0, 66.0, 131.0, 196.0]
    assert times(0.0, 0.0, until=3) == [1.0, 2.0, 3.0]
