"""What is measured: a name, which is that of its file, and how."""

from collections.abc import Callable
from functools import partial

from speed import data, environments, evaluation, growth, program, updates
from speed.measurement import Measurement

#: name -> measure(brief). `brief` measures everything once and as little of it as can be.
ROWS: dict[str, Callable[[bool], list[Measurement]]] = {
    **{name: partial(updates.measure, name) for name in updates.SETTINGS},
    "environments": environments.measure,
    "evaluation": evaluation.measure,
    "data": data.measure,
    "program": program.measure,
    "growth": growth.measure,
}
