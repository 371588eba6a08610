"""The switch in numbers, on sequences made by hand."""

import numpy as np
import pytest

from calql_vision.analysis.dip import EARLY, WINDOW, Dip, running_success

W = WINDOW


def test_running_success_is_that_of_the_last_episodes():
    successes = [False] * W + [True] * W
    assert running_success(successes) == pytest.approx(np.arange(W + 1) / W)
    assert len(running_success([True] * (W - 1))) == 0


def test_a_dip_is_measured_to_its_bottom_and_its_end():
    # The running rate falls to 0 with episode W and is back at 3/4 after 3/4 W successes.
    dip = Dip.of([False] * W + [True] * W, offline=0.75)
    assert dip.depth == 0.75
    assert dip.recovery == W + round(0.75 * W)
    assert dip.to_goal == W + round(0.9 * W)


def test_a_late_dip_counts_from_its_own_bottom():
    dip = Dip.of([True] * W + [False] * 5 + [True] * W, offline=1.0)
    assert dip.depth == pytest.approx(5 / W)
    assert dip.recovery == W + 5 + W
    assert dip.to_goal == W, "90 % was reached before the dip"


def test_success_that_never_falls_has_nothing_to_recover():
    assert Dip.of([True] * 2 * W, offline=0.5) == Dip(-0.5, 0, W)


def test_never_is_none():
    assert Dip.of([False] * 2 * W, offline=0.5) == Dip(0.5, None, None)


def test_only_the_first_episodes_can_dip():
    late = [True] * EARLY + [False] * W
    assert Dip.of(late, offline=1.0).depth == 0
    assert Dip.of(late[1:], offline=1.0).depth == pytest.approx(1 / W)


@pytest.mark.parametrize("offline", [None, 0.0])
def test_without_success_before_there_is_nothing_to_lose(offline):
    assert Dip.of([True] * W, offline) == Dip(None, None, W)


def test_too_few_episodes_say_nothing():
    assert Dip.of([True] * (W - 1), offline=0.5) == Dip(None, None, None)
