"""The notebook runs from its first cell to its last, and what is committed shows what it does."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

CHECKOUT = Path(__file__).parent.parent
NOTEBOOK = CHECKOUT / "docs/first-look.ipynb"
ROOTS = ("home", "root", "tmp", "usr", "opt", "mnt", "Users")  # where machines keep their own
LARGEST = 200_000  # bytes, outputs included


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> nbformat.NotebookNode:
    """Raises CellExecutionError at a cell that fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()


def test_every_cell_runs_and_shows_what_is_committed(executed):
    committed = nbformat.read(NOTEBOOK, as_version=4)
    for cell, ran in zip(committed.cells, executed.cells, strict=True):
        assert shown(cell) == shown(ran)


def shown(cell: nbformat.NotebookNode) -> list[str]:
    """The kinds of a cell's outputs, warnings and progress aside."""
    outputs = [out for out in cell.get("outputs", []) if out.get("name") != "stderr"]
    return [out.output_type for out in outputs]


def test_what_is_committed_is_small_and_names_no_machine():
    text = NOTEBOOK.read_text()
    assert len(text) < LARGEST
    for place in (str(CHECKOUT), *(f"/{name}/" for name in ROOTS)):
        assert place not in text
