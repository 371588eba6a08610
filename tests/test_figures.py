"""Laws of figures: the same method looks the same everywhere, and no panel is empty."""

from collections.abc import Callable

import numpy as np
import pytest

from calql_vision.agents import AGENTS
from calql_vision.figures.style import method_styles, png
from calql_vision.figures.training import draw
from calql_vision.runs.layout import RunFolder
from calql_vision.runs.metrics import Column, MetricsTable
from calql_vision.runs.record import Run, TaskRuns, TrainingRecord

Runs = Callable[..., TaskRuns]


@pytest.fixture
def runs(tmp_path) -> Runs:
    """runs(*labels): one seed each; those that begin with bc have no critic."""

    def of(label: str) -> Run:
        columns = {"step": np.arange(1.0, 4), Column.SUCCESS_RATE: np.full(3, 0.5)}
        if not label.startswith("bc"):
            columns |= {
                "q_data": -np.ones(3),
                "return_to_go": -np.ones(3),
                "bound_rate": np.ones(3),
            }
        record = TrainingRecord(metrics=MetricsTable(columns))
        folder = RunFolder(tmp_path / label / "seed0")
        return Run(folder, {"pretrain": record, "finetune": TrainingRecord()})

    return lambda *labels: TaskRuns("tabletop/lift", [of(label) for label in labels], [])


def test_a_method_looks_the_same_whoever_stands_beside_it():
    alone = {label: method_styles([label])[label] for label in (*AGENTS, "no_bound")}
    together = method_styles([*alone])
    assert {label: together[label] for label in alone} == alone


def test_no_two_methods_of_a_page_look_alike():
    labels = [*AGENTS, "bc_rlpd", "wsrl", *(f"no_{part}" for part in range(8))]
    found = method_styles(labels)
    assert len({found[label] for label in labels}) == len(labels)


@pytest.mark.parametrize("labels", [("bc", "cal_ql"), ("bc", "cal_ql", "cql", "iql", "awac")])
def test_calibration_has_a_legend_and_no_empty_column(runs, labels):
    figure = draw(runs(*labels))["calibration"]
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == [label for label in labels if label != "bc"]
    assert all(axis.lines for axis in figure.axes)
    legends = [legend for part in figure.subfigs for legend in part.legends]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert texts == ["return-to-go", "Q(data)"]


def test_without_any_critic_there_is_no_calibration(runs):
    assert "calibration" not in draw(runs("bc"))


@pytest.mark.parametrize(("labels", "bands"), [(("bc", "cql"), 2), (("bc", "cql", "iql"), 0)])
def test_bands_are_drawn_where_they_do_not_mix(runs, labels, bands):
    (axis,) = draw(runs(*labels))["success"].axes
    assert len(axis.collections) == bands


def test_a_name_with_dollars_is_no_formula(runs):
    for figure in draw(runs("$^$", "cal_ql")).values():
        assert png(figure)
