"""Numbers of several seeds in words."""

from calql_vision.figures.number_text import duration, mean_and_range, or_never


def test_numbers_for_people():
    assert mean_and_range([-0.5, 0.5], 1) == "0.0 (−0.5 to 0.5)"
    assert or_never([20, 40, None]) == "30 (20–40), 1 of 3 never"
    assert (or_never([]), or_never([None])) == ("–", "never")
    assert [duration([s]) for s in (45, 600, 7200)] == ["45 s", "10 min", "2.0 h"]
    assert duration([]) == "–"
