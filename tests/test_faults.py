"""A share of the harness: what is hostile is used correctly or refused in one sentence.

`make test-faults` tries a thousand times as much.
"""

from importlib import import_module
from pathlib import Path

import pytest

from tests.faults.outcome import Outcome, Row, outcome
from tests.faults.page import Found, write_page

SHARES = {"checkpoint_mutations": 20, "run_file_mutations": 15, "overrides": 6}


@pytest.mark.parametrize("part", SHARES)
def test_a_share_of_the_harness_finds_no_defect(part):
    rows = import_module(f"tests.faults.{part}").run(SHARES[part], seed=1)
    assert [defect for row in rows for defect in row.defects] == []
    assert sum(row.tried for row in rows) == SHARES[part]
    assert sum(row.sentences for row in rows) > 0, "something was hostile"


def test_only_our_own_sentences_count():
    def foreign() -> None:
        int("many")

    assert outcome(lambda: 3) == Outcome(value=3)
    assert "ValueError in test_faults.py" in str(outcome(foreign).problem)
    assert outcome(lambda: Path("/nowhere/file").read_text()).sentence, "the system names the file"


def test_the_page_keeps_every_run_by_part_and_seed(tmp_path):
    path = tmp_path / "page.md"
    write_page(path, Found("one", 0, 61.0, [Row("first", 3, 2, 1)]))
    write_page(path, Found("two", 5, 1.0, [Row("second", 2, 0, 1, ["collect x=1: a traceback"])]))
    write_page(path, Found("two", 6, 1.0, [Row("second", 2, 1, 1)]))
    write_page(path, Found("one", 0, 61.0, [Row("first", 4, 2, 2)]))
    text = path.read_text()
    assert (
        text.index("## two, seed 5") < text.index("## two, seed 6") < text.index("## one, seed 0")
    )
    assert "| first | 4 | 2 | 2 | 0 |" in text
    assert "| first | 3 |" not in text
    assert "| second | 2 | 0 | 1 | 1 |" in text
    assert text.count("- `collect x=1: a traceback`") == text.count("Defects:") == 1
    assert "1 minutes, 20" in text
