"""The switch in numbers, on sequences made by hand."""

import numpy as np
import pytest

from calql_vision.switch import EARLY, WINDOW, Switch, running_success

W = WINDOW


def test_running_success_is_that_of_the_last_episodes():
    successes = [False] * W + [True] * W
    assert running_success(successes) == pytest.approx(np.arange(W + 1) / W)
    assert len(running_success([True] * (W - 1))) == 0


def test_a_dip_is_measured_to_its_bottom_and_its_end():
    # The running rate falls to 0 with episode W and is back at 3/4 after 3/4 W successes.
    switch = Switch.of([False] * W + [True] * W, offline=0.75)
    assert switch.dip == 0.75
    assert switch.recovery == W + round(0.75 * W)
    assert switch.to_goal == W + round(0.9 * W)


def test_a_late_dip_counts_from_its_own_bottom():
    switch = Switch.of([True] * W + [False] * 5 + [True] * W, offline=1.0)
    assert switch.dip == pytest.approx(5 / W)
    assert switch.recovery == W + 5 + W
    assert switch.to_goal == W, "90 % was reached before the dip"


def test_success_that_never_falls_has_nothing_to_recover():
    assert Switch.of([True] * 2 * W, offline=0.5) == Switch(-0.5, 0, W)


def test_never_is_none():
    assert Switch.of([False] * 2 * W, offline=0.5) == Switch(0.5, None, None)


def test_only_the_first_episodes_can_dip():
    late = [True] * EARLY + [False] * W
    assert Switch.of(late, offline=1.0).dip == 0
    assert Switch.of(late[1:], offline=1.0).dip == pytest.approx(1 / W)


@pytest.mark.parametrize("offline", [None, 0.0])
def test_without_success_before_there_is_nothing_to_lose(offline):
    assert Switch.of([True] * W, offline) == Switch(None, None, W)


def test_too_few_episodes_say_nothing():
    assert Switch.of([True] * (W - 1), offline=0.5) == Switch(None, None, None)
