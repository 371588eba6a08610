"""A few kills at random moments; `python -m tests.faults kills --count 1000` tries more."""

import subprocess
import sys
from pathlib import Path


def test_killed_stages_that_are_called_again_leave_what_unbroken_ones_leave():
    command = [sys.executable, "-m", "tests.faults", "kills", "--count", "4"]
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "kills of finetune: 1 tried, 1 correct" in ended.stdout
