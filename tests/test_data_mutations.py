"""A share of the harness of faults: damaged data of every format."""

from tests.faults import data_mutations


def test_damaged_data_is_read_rightly_or_refused_in_a_sentence():
    rows = data_mutations.run(count=56, seed=0)
    assert [defect for row in rows for defect in row.defects] == []
    assert sum(row.tried for row in rows) == 56
    assert all(row.sentences for row in rows if row.tried > 3)
    assert any(row.correct for row in rows)
