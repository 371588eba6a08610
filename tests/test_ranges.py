"""Laws of the ranges: every number that can be set has one, and none gets past it."""

import math
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from typing import Any

import pytest

from calql_vision.agents import AGENTS
from calql_vision.agents.cal_ql import CalQLConfig
from calql_vision.agents.config import with_options
from calql_vision.cli import STAGES
from calql_vision.cli.configuration import meaning
from calql_vision.configs.ranges import check_ranges, contains, stated
from calql_vision.encoders import ENCODERS
from calql_vision.runs.config import TaskConfig

STAGE_OPTIONS = [getattr(import_module(s.module), s.config) for s in STAGES.values()]
OPTIONS = [*STAGE_OPTIONS, *(row.options for row in AGENTS.values()), *ENCODERS.values()]


def numeric(options: type) -> list[str]:
    """The options that hold numbers, of a class and of those nested in it."""
    return [f.name for f in fields(options) if {"int", "float"} & set(words(f.type))]


def words(kind: Any) -> list[str]:
    text = kind.__name__ if isinstance(kind, type) else str(kind)
    return text.replace("[", " ").replace("]", " ").split()


def nested(options: type) -> list[type]:
    factories: list[Any] = [field.default_factory for field in fields(options)]
    inner: list[Any] = [factory for factory in factories if is_dataclass(factory)]
    return [options, *(each for other in inner for each in nested(other))]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.__name__)
def test_every_number_that_can_be_set_has_a_range_which_help_shows(options):
    for each in nested(options):
        for name in numeric(each):
            within = stated(each, name, "within")
            assert within, f"{each.__name__}.{name}"
            assert meaning(each, name).endswith(f"; in {within}")


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.__name__)
def test_defaults_lie_in_their_ranges(options):
    check_ranges(options())


@pytest.mark.parametrize(
    ("within", "inside", "outside"),
    [
        ("[0, 1)", (0, 0.999), (-1e-9, 1, 10**400)),
        ("(0, 1]", (1e-9, 1), (0, 1.0001)),
        ("[-1e6, 1e6]", (-1e6, 10**6), (-1000001, math.inf)),
    ],
)
def test_a_range_means_what_it_means_in_mathematics(within, inside, outside):
    assert all(contains(within, number) for number in inside)
    assert not any(contains(within, number) for number in outside)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            TaskConfig(discount=1.5),
            r"discount=1\.5 is outside \[0, 1\); give a number wit",
        ),
        (TaskConfig(effort=math.nan), r"effort=nan is not finite; give a number within \(0, 1e3\]"),
        (TaskConfig(kwargs={"region": [1.0, math.inf]}), "kwargs=inf is not finite; give a number"),
        (CalQLConfig(hidden=[16, 0]), r"hidden=0 is outside \[1, 65536\]"),
        (replace(CalQLConfig(), critics=10**30), "critics=1000000000000000000000000000000 is out"),
    ],
)
def test_a_number_outside_is_named_with_its_range(config, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_ranges(config)


def test_what_differs_online_obeys_the_same_ranges():
    with pytest.raises(ValueError, match=r"algo\.penalty_weight=nan is not finite"):
        with_options(CalQLConfig(), {"penalty_weight": math.nan})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"q_weight": 0.0}, "the actor would learn nothing"),
        ({"clip_min": 2.0, "clip_max": 1.0}, r"clip_min=2\.0 is above algo\.clip_max=1\.0"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        CalQLConfig(**options)
