"""Laws of progress on stderr: a bar for people, lines for files."""

import os
import sys

import pytest

from calql_vision.datasets import progress as module
from calql_vision.datasets.progress import progress, warn


def go_through(path, monkeypatch, seconds: float) -> str:
    """What five steps with a warning after the third leave in a file."""
    monkeypatch.setattr(module, "_SECONDS", seconds)
    with path.open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        with progress(total=5, desc="train", unit="step") as bar:
            for number in range(5):
                bar.set_postfix({"td": number}, refresh=False)
                bar.update()
                if number == 2:
                    warn("it is late")
    return path.read_text()


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_a_file_gets_whole_lines(tmp_path, monkeypatch, seconds):
    text = go_through(tmp_path / "log.txt", monkeypatch, seconds)
    assert "\r" not in text
    assert "warning: it is late\n" in text
    lines = [line for line in text.splitlines() if not line.startswith("warning")]
    assert all(line.startswith("train: ") for line in lines)
    assert lines[0].startswith("train: 0 of 5 (0 %)")
    assert lines[-1].startswith("train: 5 of 5 (100 %)")
    assert lines[-1].endswith("td=4")


def test_lines_come_at_intervals(tmp_path, monkeypatch):
    every = go_through(tmp_path / "all.txt", monkeypatch, 0.0)
    seldom = go_through(tmp_path / "few.txt", monkeypatch, 1000.0)
    assert sum("of 5" in line for line in every.splitlines()) >= 6
    assert sum("of 5" in line for line in seldom.splitlines()) == 3  # begin, warning, end


def test_a_terminal_gets_a_bar(monkeypatch):
    parent, child = os.openpty()
    with os.fdopen(child, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert list(progress(range(3), desc="train")) == [0, 1, 2]
    assert b"\r" in os.read(parent, 10_000)
    os.close(parent)
