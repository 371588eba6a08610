"""Overrides made from the dataclasses of options themselves, of every stage, method and encoder.

Each names one option and a value that is out of its range, of another type, or odd. What must be
refused is known for numbers; everything that is let in is then run for real.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

from calql_vision.agents import AGENTS
from calql_vision.cli import STAGES
from calql_vision.configs.ranges import contains, stated
from calql_vision.encoders import ENCODERS
from tests.faults.outcome import Outcome, Row, outcome
from tests.faults.project import WORDS, call, project

#: Options that ask for the network, for other machines, or only for time.
LEFT_OUT = {"wandb", "device"}
NUMBERS = ["nan", "inf", "-inf", "-1", "0", "1", "1e30", "-1e30", "1" * 40, "1e-30", "0.5", "true"]
WORDS_FOR_NUMBERS = ["many", "'1,5'", "ü", "''", "[]", "[1]", "{}", "{a:1}", "'0x10'", "null"]
TEXTS = ["''", "nowhere", "ü\u202e", "/", "..", "'a\\nb'", "x" * 300, "[]", "{a:1}", "1", "nan",
         "null", "'$\\frac{1}$'", "'[red]'"]  # fmt: skip


@dataclass(frozen=True)
class Option:
    """One that a stage has, and whatever chooses the method or the encoder that has it."""

    stage: str
    choice: tuple[str, ...]
    key: str
    hint: str
    within: str | None

    @property
    def numeric(self) -> bool:
        return "int" in self.hint or "float" in self.hint


def run(count: int, seed: int) -> list[Row]:
    """`count` overrides, every option about equally often."""
    row, random = Row("overrides"), Random(seed)
    known = list(options())
    random.shuffle(known)
    with project("collect", "pretrain", "finetune", "evaluate", "diagnose") as folder:
        for number in range(count):
            option = known[number % len(known)]
            _try(folder, option, random.choice(_values(option)), row)
    return [row]


def _try(folder: Path, option: Option, value: str, row: Row) -> None:
    """The stage with this option; what it writes goes to a folder of its own."""
    words = [*option.choice, f"{option.key}={value}"]
    given = {word.partition("=")[0] for word in words}
    quick = [w for w in _quick(option.stage) if w.partition("=")[0] not in given]
    before = _files(folder)
    found = outcome(lambda: call(option.stage, *quick, *words))
    written = _files(folder) - before
    problem = found.problem or _wrong(option, value, found)
    if found.sentence and written:
        problem = problem or f"refused after {sorted(written)[0]} was written"
    for path in sorted(written, reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    row.count(problem, found.sentence is not None, f"calql-vision {option.stage} {' '.join(words)}")


def _quick(stage: str) -> tuple[str, ...]:
    places = {"inspect": ("contact_sheet=tried.png",), "collect": ("output=tried.hdf5",)}
    return (*WORDS[stage], *places.get(stage, ("output=tried",)))


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def _wrong(option: Option, value: str, found: Outcome) -> str | None:
    """What is known of numbers: outside its range or no number at all, it must be refused, and
    with its key."""
    number = _number(value)
    if not option.numeric or value == "null":
        return None
    outside = number is None or not contains(option.within or "(-inf, inf)", number)
    if outside and found.sentence is None:
        return f"let in, though {option.within}"
    if outside and option.key.rpartition(".")[2] not in str(found.sentence):
        return f"the sentence does not name the key: {found.sentence}"
    return None


def _number(value: str) -> float | None:
    try:
        return float(value.strip("[]"))
    except ValueError:
        return None


def _values(option: Option) -> list[str]:
    """What to try. Lawful numbers that only take long, or much memory, are left out."""
    if not option.numeric:
        return TEXTS
    numbers = [n for n in NUMBERS if n == "true" or float(n) <= 1 or not _inside(option, n)]
    edges = re.findall(r"[-+.e0-9]+", option.within or "")
    low = edges[:1] if not _inside(option, "1e9") else []
    values = [*numbers, *low, *WORDS_FOR_NUMBERS]
    return [f"[{value}]" for value in values] if "list" in option.hint else values


def _inside(option: Option, value: str) -> bool:
    return option.within is None or contains(option.within, float(value))


def options() -> Iterator[Option]:
    """Every option of every stage, and those that other methods and encoders have."""
    for stage in WORDS:
        config = getattr(import_module(STAGES[stage].module), STAGES[stage].config)
        yield from _of(stage, (), config(), "")
    for name, row in AGENTS.items():
        yield from _of("pretrain", (f"algo={name}",), row.options(), "algo.")
    for name, kind in ENCODERS.items():
        if name in ("cnn", "impala"):  # the others need images of 32 pixels and more
            yield from _of("pretrain", (f"encoder={name}",), kind(), "encoder.")


def _of(stage: str, choice: tuple[str, ...], config: Any, prefix: str) -> Iterator[Option]:
    hints = get_type_hints(type(config))
    for field in fields(config):
        value, key = getattr(config, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from _of(stage, choice, value, f"{key}.")
        elif field.name not in LEFT_OUT and "dict" not in str(hints[field.name]):
            within = stated(type(config), field.name, "within")
            yield Option(stage, choice, key, str(hints[field.name]), within)
