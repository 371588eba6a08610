"""A share of the harness of faults: damaged data of every format.

In a process of its own, which forks: one that has rendered already may hang in its children.
"""

import re
import subprocess
import sys
from pathlib import Path


def test_damaged_data_is_read_rightly_or_refused_in_a_sentence():
    command = [sys.executable, "-m", "tests.faults", "data_mutations", "--count", "56"]
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = re.findall(r"(\d+) tried, (\d+) correct, (\d+) sentences", ended.stdout)
    tried, correct, sentences = zip(*(map(int, row) for row in said), strict=True)
    assert sum(tried) == 56
    assert any(correct)
    assert all(sentences[i] for i in range(len(tried)) if tried[i] > 3)
